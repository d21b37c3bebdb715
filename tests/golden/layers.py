#!/usr/bin/env python3
"""Writes layers.safetensors (F64 values) and layers.json (what each case is): PyTorch's answers
for single layers, losses and optimizers, to first and second order.

How to run (any PyTorch 2.x):

    python3 -m venv venv && venv/bin/pip install torch numpy safetensors
    venv/bin/python tests/golden/layers.py       # writes both files beside this script

layers.json is {"about", "made_by", "cases": [{"name", "op", "attributes", "inputs", ...}]}.
The tensors of a case are called NAME/KEY in the safetensors file. For a case with outputs Y of
inputs X_i (those in "inputs", each differentiable):

    NAME/X_i                the value of input X_i        (constants, such as targets: NAME/KEY too)
    NAME/output             Y
    NAME/grad_output        G, drawn at random
    NAME/grad_X_i           d<Y, G>/dX_i
    NAME/direction_X_i      D_i, drawn at random
    NAME/second_X_j         dS/dX_j and
    NAME/second_grad_output dS/dG, where S = sum_i <grad_X_i, D_i>

A second derivative that is identically zero is stored as zeros. Integers (indices, targets) are
I64. `optimizer` cases have start, curvature, centre and path [5, n]: five steps down
sum(curvature * (p - centre)^2) / 2, path[k] being p after step k + 1.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
draw = torch.Generator().manual_seed(20261124)
tensors, cases = {}, []


def noise(*shape):
    return torch.randn(shape, generator=draw, dtype=torch.float64)


def case(name, op, attributes, inputs, apply, constants=None, extra=None):
    """Records one case: forward, gradients, and the gradients of the gradients."""
    inputs = {k: v.clone().requires_grad_() for k, v in inputs.items()}
    leaves = list(inputs.values())
    output = apply(*leaves)
    grad_output = noise(*output.shape).requires_grad_()
    grads = torch.autograd.grad(output, leaves, grad_output, create_graph=True)
    directions = [noise(*x.shape) for x in leaves]
    pairing = sum((g * d).sum() for g, d in zip(grads, directions))
    seconds = torch.autograd.grad(pairing, [*leaves, grad_output], allow_unused=True)
    record = {**inputs, **(constants or {}), "output": output, "grad_output": grad_output}
    for key, grad, direction, second in zip(inputs, grads, directions, seconds):
        record[f"grad_{key}"] = grad
        record[f"direction_{key}"] = direction
        record[f"second_{key}"] = torch.zeros_like(grad) if second is None else second
    record["second_grad_output"] = seconds[-1]
    record |= extra() if extra else {}
    put(name, op, attributes, record, inputs=list(inputs))


def put(name, op, attributes, record, **more):
    assert all(c["name"] != name for c in cases), name
    for key, value in record.items():
        tensors[f"{name}/{key}"] = value.detach().clone().contiguous()
    cases.append({"name": name, "op": op, "attributes": attributes, **more})


def convolutions():
    # (batch, inputs, outputs, size, kernel, stride, padding, dilation, groups, bias)
    for i, (n, ci, co, size, kernel, stride, padding, dilation, groups, bias) in enumerate([
        (2, 2, 3, (5, 4), (3, 3), (1, 1), (1, 1), (1, 1), 1, True),
        (1, 2, 3, (7, 5), (3, 2), (2, 1), (0, 1), (1, 1), 1, True),
        (1, 4, 6, (5, 6), (3, 2), (2, 3), (1, 2), (1, 1), 2, True),
        (1, 3, 3, (5, 6), (3, 3), (1, 2), (2, 1), (2, 1), 3, False),
        (1, 2, 2, (6, 5), (2, 3), (1, 1), (1, 2), (3, 2), 1, False),
        (2, 3, 2, (3, 4), (1, 1), (1, 1), (0, 0), (1, 1), 1, True),
        (1, 2, 4, (6, 7), (3, 3), (3, 2), (2, 0), (2, 2), 2, True),
        (1, 1, 1, (1, 1), (3, 3), (1, 1), (1, 1), (1, 1), 1, True),
    ]):
        inputs = {"input": noise(n, ci, *size), "weight": noise(co, ci // groups, *kernel)}
        inputs |= {"bias": noise(co)} if bias else {}
        settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        case(f"conv2d_{i}", "conv2d", settings, inputs, lambda x, w, b=None: F.conv2d(x, w, b, **settings))

    # The same with output_padding; weights are [inputs, outputs / groups, kh, kw].
    for i, (n, ci, co, size, kernel, stride, padding, dilation, groups, bias, more) in enumerate([
        (2, 2, 3, (4, 3), (3, 3), (1, 1), (1, 1), (1, 1), 1, True, (0, 0)),
        (1, 2, 2, (3, 4), (4, 4), (2, 2), (1, 1), (1, 1), 1, False, (0, 0)),
        (1, 3, 2, (3, 4), (4, 4), (2, 2), (1, 1), (1, 1), 1, True, (1, 0)),
        (1, 4, 6, (2, 2), (3, 2), (2, 3), (1, 0), (1, 1), 2, True, (1, 2)),
        (1, 4, 4, (3, 4), (3, 3), (2, 1), (2, 1), (1, 2), 4, False, (1, 0)),
        (1, 2, 3, (2, 3), (3, 3), (3, 2), (0, 2), (2, 2), 1, True, (2, 1)),
        (2, 3, 2, (3, 3), (1, 1), (1, 1), (0, 0), (1, 1), 1, True, (0, 0)),
        (1, 2, 2, (1, 1), (6, 6), (3, 3), (2, 2), (1, 1), 2, False, (2, 0)),
    ]):
        inputs = {"input": noise(n, ci, *size), "weight": noise(ci, co // groups, *kernel)}
        inputs |= {"bias": noise(co)} if bias else {}
        settings = {
            "stride": stride, "padding": padding, "output_padding": more, "dilation": dilation, "groups": groups,
        }
        case(
            f"conv_transpose2d_{i}", "conv_transpose2d", settings, inputs,
            lambda x, w, b=None: F.conv_transpose2d(x, w, b, **settings),
        )


def pools():
    for i, (size, kernel, stride, padding, dilation) in enumerate([
        ((6, 8), (2, 2), (2, 2), (0, 0), (1, 1)),
        ((7, 9), (2, 2), (2, 2), (0, 0), (1, 1)),
        ((7, 6), (3, 3), (2, 2), (1, 1), (1, 1)),
        ((8, 7), (3, 2), (1, 2), (1, 0), (2, 3)),
    ]):
        settings = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": False}
        x = noise(1, 2, *size)
        indices = F.max_pool2d(x, **settings, return_indices=True)[1]
        case(
            f"max_pool2d_{i}", "max_pool2d", settings, {"input": x}, lambda x: F.max_pool2d(x, **settings),
            constants={"indices": indices},
        )

    for i, size in enumerate([(6, 8), (7, 9)]):
        settings = {"kernel_size": (2, 2), "stride": (2, 2), "output_size": size}
        indices = F.max_pool2d(noise(1, 2, *size), 2, return_indices=True)[1]
        case(
            f"max_unpool2d_{i}", "max_unpool2d", settings, {"input": noise(*indices.shape)},
            lambda x: F.max_unpool2d(x, indices, 2, 2, output_size=size), constants={"indices": indices},
        )

    for i, (size, kernel, stride, padding, count) in enumerate([
        ((6, 8), (2, 2), (2, 2), (0, 0), True),
        ((7, 6), (3, 3), (2, 2), (1, 1), True),
        ((7, 6), (3, 3), (2, 2), (1, 1), False),
        ((5, 8), (3, 2), (1, 3), (1, 1), False),
    ]):
        settings = {
            "kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": False, "count_include_pad": count,
        }
        case(
            f"avg_pool2d_{i}", "avg_pool2d", settings, {"input": noise(1, 2, *size)},
            lambda x: F.avg_pool2d(x, **settings),
        )

    for i, (size, out) in enumerate([((6, 8), (3, 4)), ((7, 5), (3, 2)), ((3, 4), (5, 7)), ((5, 6), (1, 1))]):
        case(
            f"adaptive_avg_pool2d_{i}", "adaptive_avg_pool2d", {"output_size": out}, {"input": noise(1, 2, *size)},
            lambda x: F.adaptive_avg_pool2d(x, out),
        )


def resizes():
    sizes = [((3, 4), (6, 8)), ((3, 4), (7, 9)), ((7, 9), (4, 5)), ((5, 6), (9, 3)), ((1, 1), (3, 4)), ((5, 4), (1, 1))]
    for align in (False, True):
        for i, (size, out) in enumerate(sizes):
            case(
                f"bilinear_{'corners' if align else 'centres'}_{i}", "interpolate",
                {"mode": "bilinear", "align_corners": align, "size": out}, {"input": noise(1, 2, *size)},
                lambda x: F.interpolate(x, size=out, mode="bilinear", align_corners=align),
            )
    for i, (size, out) in enumerate(sizes[:4]):
        case(
            f"nearest_{i}", "interpolate", {"mode": "nearest", "size": out}, {"input": noise(1, 2, *size)},
            lambda x: F.interpolate(x, size=out, mode="nearest"),
        )


def norms():
    for i, size in enumerate([(2, 3, 3, 4), (2, 3, 1, 2)]):
        start = {"running_mean": noise(3), "running_var": noise(3).abs() + 0.5}
        after = {f"{k}_after": v.clone() for k, v in start.items()}

        def apply(x, w, b):
            return F.batch_norm(
                x, after["running_mean_after"], after["running_var_after"], w, b, training=True, momentum=0.1, eps=1e-5
            )

        case(
            f"batch_norm_{i}", "batch_norm", {"training": True, "momentum": 0.1, "eps": 1e-5},
            {"input": noise(*size) * 2 + 1, "weight": noise(3), "bias": noise(3)}, apply,
            constants=start, extra=lambda: after,
        )
    start = {"running_mean": noise(3), "running_var": noise(3).abs() + 0.5}
    case(
        "batch_norm_eval", "batch_norm", {"training": False, "momentum": 0.1, "eps": 1e-5},
        {"input": noise(2, 3, 2, 3), "weight": noise(3), "bias": noise(3)},
        lambda x, w, b: F.batch_norm(x, start["running_mean"], start["running_var"], w, b), constants=start,
    )
    for i, (channels, groups) in enumerate([(4, 2), (3, 3), (3, 1)]):
        case(
            f"group_norm_{i}", "group_norm", {"num_groups": groups, "eps": 1e-5},
            {"input": noise(2, channels, 2, 3) + 1, "weight": noise(channels), "bias": noise(channels)},
            lambda x, w, b: F.group_norm(x, groups, w, b, 1e-5),
        )
    for i, (size, normalised) in enumerate([((3, 2, 5), (5,)), ((2, 2, 3, 2), (3, 2))]):
        case(
            f"layer_norm_{i}", "layer_norm", {"normalized_shape": normalised, "eps": 1e-5},
            {"input": noise(*size) + 1, "weight": noise(*normalised), "bias": noise(*normalised)},
            lambda x, w, b: F.layer_norm(x, normalised, w, b, 1e-5),
        )


def losses():
    case("log_softmax", "log_softmax", {"dim": 1}, {"input": noise(2, 4, 2, 3) * 3}, lambda x: F.log_softmax(x, 1))
    i = 0
    for reduction in ("mean", "sum", "none"):
        for weighted, smoothing in ((False, 0.0), (True, 0.0), (False, 0.1), (True, 0.2)):
            target = torch.randint(0, 4, (2, 2, 3), generator=draw)
            target[torch.rand(target.shape, generator=draw) < 0.2] = 255
            constants = {"target": target}
            constants |= {"class_weight": noise(4).abs() + 0.2} if weighted else {}
            case(
                f"cross_entropy_{i}", "cross_entropy",
                {"ignore_index": 255, "label_smoothing": smoothing, "reduction": reduction, "weighted": weighted},
                {"input": noise(2, 4, 2, 3) * 2},
                lambda x: F.cross_entropy(
                    x, target, constants.get("class_weight"), ignore_index=255, label_smoothing=smoothing,
                    reduction=reduction,
                ),
                constants=constants,
            )
            i += 1
    for i, (reduction, positive) in enumerate([("mean", False), ("sum", True), ("none", True)]):
        constants = {"target": torch.rand(2, 1, 2, 3, generator=draw, dtype=torch.float64)}
        constants |= {"pos_weight": torch.tensor([2.5], dtype=torch.float64)} if positive else {}
        case(
            f"bce_with_logits_{i}", "bce_with_logits", {"reduction": reduction, "weighted": positive},
            {"input": noise(2, 1, 2, 3) * 4},
            lambda x: F.binary_cross_entropy_with_logits(
                x, constants["target"], pos_weight=constants.get("pos_weight"), reduction=reduction
            ),
            constants=constants,
        )
    case("mse", "mse", {"reduction": "mean"}, {"input": noise(3, 4), "target": noise(3, 4)}, lambda x, y: F.mse_loss(x, y))


def activations():
    x = torch.cat([noise(12) * 3, torch.tensor([-40.0, -8.0, -1e-3, 0.5, 8.0, 40.0], dtype=torch.float64)])
    case("gelu", "gelu", {"approximate": "none"}, {"input": x}, lambda x: F.gelu(x))
    case("gelu_tanh", "gelu", {"approximate": "tanh"}, {"input": x}, lambda x: F.gelu(x, approximate="tanh"))
    # PyTorch's softplus is the identity past beta * x = 20; the difference there is under 3e-9.
    case("softplus", "softplus", {"beta": 1.0, "threshold": 20.0}, {"input": x}, lambda x: F.softplus(x))
    case("leaky_relu", "leaky_relu", {"negative_slope": 0.1}, {"input": x}, lambda x: F.leaky_relu(x, 0.1))


def optimizers():
    for name, kind, settings in [
        ("sgd", torch.optim.SGD, {"lr": 0.1}),
        ("sgd_decay", torch.optim.SGD, {"lr": 0.1, "weight_decay": 0.05}),
        ("sgd_momentum", torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05}),
        ("sgd_nesterov", torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05}),
        ("adam", torch.optim.Adam, {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8}),
        ("adam_decay", torch.optim.Adam, {"lr": 0.1, "betas": (0.8, 0.99), "eps": 1e-3, "weight_decay": 0.05}),
        ("adamw", torch.optim.AdamW, {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.05}),
    ]:
        start, curvature, centre = noise(6), noise(6).abs() + 0.1, noise(6)
        p, path = start.clone().requires_grad_(), []
        optim = kind([p], **settings, foreach=False)
        for _ in range(5):
            optim.zero_grad()
            (curvature * (p - centre) ** 2).sum().div(2).backward()
            optim.step()
            path.append(p.detach().clone())
        record = {"start": start, "curvature": curvature, "centre": centre, "path": torch.stack(path)}
        put(f"optimizer_{name}", "optimizer", {"kind": kind.__name__, **settings}, record)

    # One norm over all gradients; they are scaled by max_norm / (norm + 1e-6) where that is below 1.
    for i, bound in enumerate([1.0, 100.0]):
        a, b = noise(2, 3), noise(4)
        parameters = [torch.zeros_like(a).requires_grad_(), torch.zeros_like(b).requires_grad_()]
        parameters[0].grad, parameters[1].grad = a.clone(), b.clone()
        norm = torch.nn.utils.clip_grad_norm_(parameters, bound)
        record = {"a": a, "b": b, "norm": norm, "clipped_a": parameters[0].grad, "clipped_b": parameters[1].grad}
        put(f"clip_grad_norm_{i}", "clip_grad_norm", {"max_norm": bound}, record)


def main():
    for group in (convolutions, pools, resizes, norms, losses, activations, optimizers):
        group()
    save_file(tensors, HERE / "layers.safetensors")
    about = __doc__.split("layers.json is ")[1]
    lines = ",\n".join("  " + json.dumps(c) for c in cases)
    (HERE / "layers.json").write_text(
        f'{{\n "about": {json.dumps(about)},\n "made_by": "tests/golden/layers.py, PyTorch {torch.__version__}",\n'
        f' "cases": [\n{lines}\n ]\n}}\n'
    )
    print(f"{len(cases)} cases, {len(tensors)} tensors, {sum(t.numel() for t in tensors.values())} numbers")


if __name__ == "__main__":
    main()
