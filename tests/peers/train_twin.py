#!/usr/bin/env python3
"""mirrorgrad's networks trained in PyTorch: the same network, recipe and measure.

How to run (any PyTorch 2.x):

    python3 -m venv venv && venv/bin/pip install torch numpy pillow safetensors
    venv/bin/python tests/peers/train_twin.py DATA [--model unet] [--epochs 30] [--ignore-index 11] ...

DATA is one of
  * a folder `{train,val}/{images,masks}`, pictures and 8-bit index masks paired by stem;
  * a folder with `{train,val}_{x,y}.bin`, raw bytes: pictures as interleaved RGB of `--size`
    (default 64x64), labels one byte a pixel. This is how `shapes` is handed over.

Each epoch prints one JSON line: train loss, validation mIoU, pixel accuracy, seconds. The mIoU
comes from one confusion matrix over the whole validation set; classes absent from both truth and
prediction are left out of the mean. `--init FILE.safetensors` starts from given weights,
`--save FILE.safetensors` keeps the last ones; both use the names of `twins.py`, which are mirrorgrad's.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import twins


# ------------------------------------------------------------------- the data


def load_folder(root, split):
    """All pictures [n, 3, h, w] and masks [n, h, w] of `root/split`, as bytes, ordered by stem."""
    from PIL import Image

    pictures, masks = [], []
    for path in sorted((root / split / "images").iterdir()):
        pictures.append(np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1))
        masks.append(np.asarray(Image.open(root / split / "masks" / f"{path.stem}.png")))
    return torch.from_numpy(np.stack(pictures)), torch.from_numpy(np.stack(masks))


def load_raw(root, split, size):
    """The same from a raw dump, its pictures interleaved RGB."""
    h, w = size
    x = np.fromfile(root / f"{split}_x.bin", np.uint8).reshape(-1, h, w, 3).transpose(0, 3, 1, 2)
    y = np.fromfile(root / f"{split}_y.bin", np.uint8).reshape(-1, h, w)
    return torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(y)


def load_data(root, size=(64, 64)):
    raw = (root / "train_x.bin").exists()
    return [load_raw(root, s, size) if raw else load_folder(root, s) for s in ("train", "val")]


def normalise(pictures):
    """Bytes to about -2..2."""
    return (pictures.float() / 255 - 0.5) / 0.25


# ----------------------------------------------------------------- the recipe


def rate(step, steps, warmup, schedule):
    """The learning rate's factor: linear warm-up, then cosine or poly(0.9) down to zero, per step."""
    if step < warmup:
        return (step + 1) / warmup
    t = (step - warmup) / max(1, steps - warmup)
    return {"cosine": 0.5 * (1 + math.cos(math.pi * t)), "poly": (1 - t) ** 0.9, "constant": 1.0}[schedule]


@torch.no_grad()
def evaluate(model, x, y, classes, ignore_index, batch=25, channels_last=True):
    """(mIoU, pixel accuracy, IoU per class with None for absent ones) over the whole set."""
    model.eval()
    confusion = torch.zeros(classes * classes, dtype=torch.int64)
    for i in range(0, len(x), batch):
        picture = normalise(x[i : i + batch])
        if channels_last:
            picture = picture.contiguous(memory_format=torch.channels_last)
        truth, guess = y[i : i + batch].long(), model(picture).argmax(1)
        counted = truth != ignore_index
        confusion += torch.bincount(truth[counted] * classes + guess[counted], minlength=classes**2)
    confusion = confusion.view(classes, classes).double()
    hits, union = confusion.diag(), confusion.sum(0) + confusion.sum(1) - confusion.diag()
    iou = [float(h / u) if u > 0 else None for h, u in zip(hits, union)]
    present = [v for v in iou if v is not None]
    return sum(present) / len(present), float(hits.sum() / confusion.sum()), iou


def train(
    model,
    data,
    classes,
    *,
    epochs=6,
    batch=8,
    accumulate=1,
    lr=1e-2,
    optimizer="adamw",
    beta2=0.99,
    weight_decay=1e-4,
    schedule="cosine",
    warmup=100,
    ignore_index=255,
    seed=0,
    flip=True,
    channels_last=True,
    evaluate_every=1,
    report=print,
):
    """Trains in place and returns the list of per-epoch records, each also given to `report`."""
    (train_x, train_y), (val_x, val_y) = data
    if channels_last:
        model.to(memory_format=torch.channels_last)
    kind = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[optimizer]
    optim = kind(model.parameters(), lr=lr, betas=(0.9, beta2), weight_decay=weight_decay)
    draw = torch.Generator().manual_seed(seed)
    n = len(train_x)
    steps, step, records = epochs * math.ceil(math.ceil(n / batch) / accumulate), 0, []
    for epoch in range(1, epochs + 1):
        start = time.perf_counter()
        model.train()
        order, total = torch.randperm(n, generator=draw), 0.0
        batches = order.split(batch)
        for first in range(0, len(batches), accumulate):
            group = batches[first : first + accumulate]
            optim.zero_grad(set_to_none=True)
            for chosen in group:
                x, y = normalise(train_x[chosen]), train_y[chosen].long()
                if flip:
                    mirrored = torch.rand(len(chosen), generator=draw) < 0.5
                    x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
                    y = torch.where(mirrored[:, None, None], y.flip(2), y)
                if channels_last:
                    x = x.contiguous(memory_format=torch.channels_last)
                loss = F.cross_entropy(model(x), y, ignore_index=ignore_index)
                (loss / len(group)).backward()
                total += loss.item() * len(chosen)
            for params in optim.param_groups:
                params["lr"] = lr * rate(step, steps, warmup, schedule)
            optim.step()
            step += 1
        trained = time.perf_counter() - start
        record = {"epoch": epoch, "train_loss": round(total / n, 5)}
        if epoch % evaluate_every == 0 or epoch == epochs:
            miou, accuracy, iou = evaluate(
                model, val_x, val_y, classes, ignore_index, channels_last=channels_last
            )
            record |= {
                "val_miou": round(miou, 5),
                "val_pixel_accuracy": round(accuracy, 5),
                "val_iou": [v if v is None else round(v, 4) for v in iou],
            }
        record |= {"train_seconds": round(trained, 2), "seconds": round(time.perf_counter() - start, 2)}
        report(json.dumps(record))
        records.append(record)
    return records


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("data", type=Path)
    cli.add_argument("--size", default="64x64", help="HxW of a raw dump's pictures")
    cli.add_argument("--classes", type=int, help="default: the largest label that is not ignored, plus one")
    cli.add_argument("--model", choices=["fcn", "unet"], default="fcn")
    cli.add_argument("--widths", help="default: 16,32,64,128 for fcn, 24,48,96,192 for unet")
    cli.add_argument("--norm", choices=list(twins.NORMS), default="batch")
    cli.add_argument("--upsample", choices=["deconv", "bilinear"], default="deconv")
    cli.add_argument("--epochs", type=int, default=6)
    cli.add_argument("--batch", type=int, default=8)
    cli.add_argument("--accumulate", type=int, default=1, help="batches whose gradients are averaged into a step")
    cli.add_argument("--lr", type=float, default=1e-2)
    cli.add_argument("--optimizer", choices=["adamw", "adam"], default="adamw")
    cli.add_argument("--beta2", type=float, default=0.99)
    cli.add_argument("--weight-decay", type=float, default=1e-4)
    cli.add_argument("--schedule", choices=["cosine", "poly", "constant"], default="cosine")
    cli.add_argument("--warmup", type=int, default=100, help="steps of linear warm-up")
    cli.add_argument("--ignore-index", type=int, default=255)
    cli.add_argument("--no-flip", action="store_true")
    cli.add_argument("--evaluate-every", type=int, default=1, help="epochs; the last is evaluated in any case")
    cli.add_argument("--seed", type=int, default=0)
    cli.add_argument("--threads", type=int, default=2)
    cli.add_argument("--nchw", action="store_true", help="keep pictures in NCHW instead of channels_last")
    cli.add_argument("--init", type=Path, help="safetensors file with the initial weights")
    cli.add_argument("--save", type=Path, help="safetensors file for the final weights")
    args = cli.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    data = load_data(args.data, tuple(map(int, args.size.split("x"))))
    labels = data[0][1]
    classes = args.classes or int(labels[labels != args.ignore_index].max()) + 1
    network, widths = {"fcn": (twins.Fcn, "16,32,64,128"), "unet": (twins.UNet, "24,48,96,192")}[args.model]
    widths = [int(w) for w in (args.widths or widths).split(",")]
    model = network(classes, widths, args.norm, args.upsample)
    if args.init:
        from safetensors.torch import load_file

        # Files may leave PyTorch's batch counter out; nothing else may be missing or left over.
        missing, unexpected = model.load_state_dict(load_file(args.init), strict=False)
        missing = [name for name in missing if not name.endswith("num_batches_tracked")]
        if missing or unexpected:
            raise SystemExit(f"{args.init}: missing {missing}, unexpected {unexpected}")
    print(json.dumps({k: str(v) for k, v in vars(args).items() if v is not None} | {
        "classes": classes,
        "parameters": sum(p.numel() for p in model.parameters()),
        "pictures": [len(x) for x, _ in data],
        "torch": torch.__version__,
    }), flush=True)
    start = time.perf_counter()
    records = train(
        model, data, classes, epochs=args.epochs, batch=args.batch, accumulate=args.accumulate, lr=args.lr,
        optimizer=args.optimizer, beta2=args.beta2, weight_decay=args.weight_decay, schedule=args.schedule, warmup=args.warmup,
        ignore_index=args.ignore_index, seed=args.seed, flip=not args.no_flip,
        channels_last=not args.nchw, evaluate_every=args.evaluate_every, report=lambda line: print(line, flush=True),
    )
    print(json.dumps({
        "total_seconds": round(time.perf_counter() - start, 1),
        "final_val_miou": records[-1]["val_miou"],
        "best_val_miou": max(r["val_miou"] for r in records if "val_miou" in r),
        "val_pixel_accuracy": records[-1]["val_pixel_accuracy"],
    }))
    if args.save:
        from safetensors.torch import save_file

        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, args.save)


if __name__ == "__main__":
    main()
