"""mirrorgrad's networks in PyTorch: the same layers under the same names, which begin the same way.

    stages.{i}.conv1.weight    3x3, padding 1 (+ .bias without a norm); decoders.{i} alike
    stages.{i}.norm1.*         BatchNorm2d or GroupNorm
    stages.{i}.conv2.weight, stages.{i}.norm2.*
    score.{weight,bias}        1x1, to the classes
    skips.{i}.{weight,bias}    FCN: 1x1, width i -> classes, on stage i's features before its pool
    ups.{i}.weight             FCN: 4x4 deconvolution, stride 2, padding 1, no bias
    last.weight                FCN whose way up ends early: one deconvolution to the picture
    ups.{i}.{weight,bias}      U-Net: 2x2 deconvolution, stride 2

Nothing of how they are built is read from mirrorgrad.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


def numbered(first, modules):
    """Modules under their numbers from `first` on."""
    return nn.ModuleDict({str(first + i): module for i, module in enumerate(modules)})


def bilinear(x, like):
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


def bilinear_kernel(channels, side):
    """Each channel to itself by bilinear interpolation: 1 - |x/f - c|, f = ceil(k/2), c = (k-1)/2f."""
    f = (side + 1) // 2
    c = (side - 1) / (2 * f)
    line = torch.tensor([1 - abs(x / f - c) for x in range(side)])
    weight = torch.zeros(channels, channels, side, side)
    weight[range(channels), range(channels)] = torch.outer(line, line)
    return weight


def group_norm(channels):
    """As many groups as divide the channels, 32 at most, of four channels or more; one if there are none."""
    groups = [g for g in range(1, 33) if channels % g == 0 and channels >= 4 * g]
    return nn.GroupNorm(max(groups, default=1), channels)


NORMS = {"batch": nn.BatchNorm2d, "group": group_norm, "none": lambda _: nn.Identity()}


class Stage(nn.Module):
    """Two 3x3 convolutions with relu, from He's normal weights."""

    def __init__(self, inputs, outputs, norm):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=norm == "none")
        self.norm1 = NORMS[norm](outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=norm == "none")
        self.norm2 = NORMS[norm](outputs)
        for conv in (self.conv1, self.conv2):
            nn.init.kaiming_normal_(conv.weight, mode="fan_in", nonlinearity="relu")
            if conv.bias is not None:
                nn.init.zeros_(conv.bias)

    def forward(self, x):
        x = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(x)))


def zero_score(inputs, classes):
    """A score that begins at zero: every scale is asked only for what the others leave over."""
    score = nn.Conv2d(inputs, classes, 1)
    nn.init.zeros_(score.weight)
    nn.init.zeros_(score.bias)
    return score


class Fcn(nn.Module):
    """Scores of the deepest stage and of all from `finest` on; from there one step to the picture."""

    def __init__(self, classes, widths, norm="batch", way="deconv", finest=0):
        super().__init__()
        self.finest = finest
        self.stages = numbered(0, (Stage(a, b, norm) for a, b in zip([3, *widths], widths)))
        self.score = zero_score(widths[-1], classes)
        self.skips = numbered(finest, (zero_score(w, classes) for w in widths[finest:]))
        self.ups = self.last = None

        def up(s):
            layer = nn.ConvTranspose2d(classes, classes, 2 * s, stride=s, padding=s // 2, bias=False)
            with torch.no_grad():
                layer.weight.copy_(bilinear_kernel(classes, 2 * s))
            return layer

        if way == "deconv":
            self.ups = numbered(finest, (up(2) for _ in widths[finest:]))
            self.last = up(2**finest) if finest else None

    def forward(self, picture):
        x, features = picture, []
        for stage in self.stages.values():
            features.append(stage(x))
            x = F.max_pool2d(features[-1], 2)
        x = self.score(x)
        for i in reversed(range(self.finest, len(features))):
            skip = self.skips[str(i)](features[i])
            x = (bilinear(x, skip) if self.ups is None else self.ups[str(i)](x, output_size=skip.shape[2:])) + skip
        if not self.finest:
            return x
        return self.last(x, output_size=picture.shape[2:]) if self.last else bilinear(x, picture)


class SegNet(nn.Module):
    """Features put back to where the pools found them, then convolved; scored last."""

    def __init__(self, classes, widths, norm="batch"):
        super().__init__()
        self.stages = numbered(0, (Stage(a, b, norm) for a, b in zip([3, *widths], widths)))
        self.decoders = numbered(0, (Stage(a, b, norm) for a, b in zip(widths, [widths[0], *widths])))
        self.score = zero_score(widths[0], classes)

    def forward(self, x):
        pooled = []
        for stage in self.stages.values():
            x = stage(x)
            size = x.shape[2:]
            x, indices = F.max_pool2d(x, 2, return_indices=True)
            pooled.append((indices, size))
        for decoder, (indices, size) in zip(reversed(self.decoders.values()), reversed(pooled)):
            x = decoder(F.max_unpool2d(x, indices, 2, output_size=size))
        return self.score(x)


class UNet(nn.Module):
    """Features up, each step beside the stage it meets; the ways up and the score begin as PyTorch's do."""

    def __init__(self, classes, widths, norm="batch", way="deconv"):
        super().__init__()
        steps = list(zip(widths[1:], widths))
        self.stages = numbered(0, (Stage(a, b, norm) for a, b in zip([3, *widths], widths)))
        self.ups = None
        if way == "deconv":
            self.ups = numbered(0, (nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in steps))
        width = lambda a, b: 2 * b if self.ups else a + b
        self.decoders = numbered(0, (Stage(width(a, b), b, norm) for a, b in steps))
        self.score = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x):
        skips = []
        for i, stage in enumerate(self.stages.values()):
            x = stage(F.max_pool2d(x, 2) if i else x)
            skips.append(x)
        skips.pop()
        for i, skip in reversed(list(enumerate(skips))):
            x = self.ups[str(i)](x, output_size=skip.shape[2:]) if self.ups else bilinear(x, skip)
            x = self.decoders[str(i)](torch.cat([skip, x], 1))
        return self.score(x)
