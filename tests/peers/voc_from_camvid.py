#!/usr/bin/env python3
"""Makes a data set in PASCAL VOC's layout of CamVid's, for trying `mirrorgrad check-data` and `train` on.

    python3 tests/peers/voc_from_camvid.py SRC DST

SRC has train/ and val/ with images/ and masks/ in each, classes.txt, and masks of class indices with 11
for pixels without a class. DST, which must not be there yet, gets JPEGImages, SegmentationClass with
palette masks, ImageSets/Segmentation/{train,val,trainval}.txt and classes.txt. Every picture is cropped
by a few pixels of its own, so that sizes are odd and differ, as VOC's do, and pixels without a class
become 255. The result is the same every time. Needs Pillow and NumPy.
"""

import pathlib
import sys

import numpy
from PIL import Image

VOID = 11


def palette():
    """VOC's colours: the bits of a label, spread over the high bits of red, green and blue."""
    colours = []
    for label in range(256):
        for channel in range(3):
            bits = [(label >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(3)]
            colours.append(sum(bits))
    return colours


def main(source, target):
    if target.exists():
        sys.exit(f"{target}: is there already")
    pictures, masks = target / "JPEGImages", target / "SegmentationClass"
    lists = target / "ImageSets" / "Segmentation"
    for folder in (pictures, masks, lists):
        folder.mkdir(parents=True)
    (target / "classes.txt").write_text((source / "classes.txt").read_text())
    colours, stems = palette(), {}
    for part in ("train", "val"):
        paths = sorted((source / part / "images").iterdir())
        stems[part] = [path.stem for path in paths]
        for number, path in enumerate(paths):
            picture = Image.open(path).convert("RGB")
            labels = numpy.array(Image.open(source / part / "masks" / f"{path.stem}.png"))
            labels[labels == VOID] = 255
            # Up to 12 columns and 8 rows less, by a rule that repeats only after 117 pictures.
            left, top = number % 13 // 2, number % 9 // 2
            right = picture.width - (number % 13 - left)
            bottom = picture.height - (number % 9 - top)
            picture.crop((left, top, right, bottom)).save(pictures / f"{path.stem}.jpg", quality=92)
            mask = Image.fromarray(labels[top:bottom, left:right], mode="P")
            mask.putpalette(colours)
            mask.save(masks / f"{path.stem}.png")
    stems["trainval"] = sorted(stems["train"] + stems["val"])
    for name, names in stems.items():
        (lists / f"{name}.txt").write_text("".join(f"{stem}\n" for stem in names))
    print(f"{len(stems['train'])} pictures to train on and {len(stems['val'])} to validate on in {target}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
