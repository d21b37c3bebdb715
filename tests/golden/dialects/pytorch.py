#!/usr/bin/env python3
"""Writes pytorch.safetensors and pytorch.json: all ten operations of `mirrorgrad op` as PyTorch computes them, to second
order, and its convolutions in its own words. How to read them, common.py says.

How to run (any PyTorch 2.x):

    python3 -m venv pt && pt/bin/pip install torch numpy safetensors
    pt/bin/python tests/golden/dialects/pytorch.py

PyTorch pads both ends of an axis alike. What it cannot say with one argument is said with two of its operations: other
sides by F.pad in front of a convolution or a pool, and by cropping or extending the full output of a transposed
convolution; every derivative still comes from its autograd.
"""

from common import Golden, rows, shapes, take

import numpy as np
import torch
import torch.nn.functional as F

golden = Golden("pytorch", seed=20261201)
KINDS = {"F32": torch.float32, "F64": torch.float64}


def case(name, op, apply, attrs, inputs, constants=None, dtype="F64", order=2, without=(), scalar=()):
    """One case of `mirrorgrad op`. `inputs` are differentiated, `constants` are not. `order`: 0 is forward alone, 1 has
    gradients, 2 gradients of gradients too. `without`: the names whose grad_grad is left out, so counts as zero.
    `scalar`: the shape of a scalar's grad_output, () or (1,)."""
    kind = KINDS[dtype]
    leaves = {key: torch.tensor(value, dtype=kind, requires_grad=True) for key, value in inputs.items()}
    fixed = {
        key: torch.tensor(value, dtype=torch.int64 if value.dtype.kind == "i" else kind)
        for key, value in (constants or {}).items()
    }
    output = apply(**leaves, **fixed, **attrs)
    output, indices = output if isinstance(output, tuple) else (output, None)
    given, found = {**leaves, **fixed}, {"output": output}
    if indices is not None:
        found["indices"] = indices
    if order >= 1:
        grad_output = torch.tensor(golden.noise(*output.shape), dtype=kind, requires_grad=True)
        grads = torch.autograd.grad(output, list(leaves.values()), grad_output, create_graph=order >= 2)
        given["grad_output"] = grad_output if output.ndim else grad_output.reshape(scalar)
        found |= {f"grad_{key}": grad for key, grad in zip(leaves, grads)}
    if order >= 2:
        directions = {
            key: torch.tensor(golden.noise(*leaf.shape), dtype=kind)
            for key, leaf in leaves.items() if key not in without
        }
        given |= {f"grad_grad_{key}": direction for key, direction in directions.items()}
        pairing = sum((found[f"grad_{key}"] * direction).sum() for key, direction in directions.items())
        sources = {**leaves, "grad_output": grad_output}
        seconds = torch.autograd.grad(pairing, list(sources.values()), allow_unused=True)
        for (key, source), second in zip(sources.items(), seconds):
            found[f"second_{key}"] = torch.zeros_like(source) if second is None else second
    plain = [{key: value.detach().numpy() for key, value in side.items()} for side in (given, found)]
    golden.op(name, op, attrs, dtype, *plain)


# The operations, taking the contract's attributes.


def sides(padding):
    """[top, left, bottom, right] of [h, w] or of itself."""
    return padding if len(padding) == 4 else [*padding, *padding]


def conv2d(input, weight, bias=None, *, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    if isinstance(padding, str):  # PyTorch has "same" for stride 1 only; an odd pixel goes below and to the right
        padding = {"same_upper": "same", "valid": "valid"}[padding]
    elif len(padding) == 4:
        top, left, bottom, right = padding
        input, padding = F.pad(input, (left, right, top, bottom)), (0, 0)
    return F.conv2d(input, weight, bias, stride, padding, dilation, groups)


def conv_transpose2d(
    input, weight, bias=None, *, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1, output_padding=(0, 0),
    output_size=None,
):
    top, left, bottom, right = sides(padding)
    if output_size:
        height, width = F.conv_transpose2d(input, weight, None, stride, 0, 0, groups, dilation).shape[2:]
        output_padding = (output_size[0] - (height - top - bottom), output_size[1] - (width - left - right))
    if len(padding) == 4:
        full = F.conv_transpose2d(input, weight, None, stride, 0, 0, groups, dilation)
        below, beside = output_padding[0] - bottom, output_padding[1] - right
        output = F.pad(full, (-left, beside, -top, below))
        return output if bias is None else output + bias[:, None, None]
    return F.conv_transpose2d(input, weight, bias, stride, padding, output_padding, groups, dilation)


def max_pool2d(input, *, kernel, stride=None, padding=(0, 0), dilation=(1, 1), ceil_mode=False):
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    if len(padding) == 2 and all(2 * p <= k for p, k in zip(padding, reach)):
        return F.max_pool2d(input, kernel, stride, padding, dilation, ceil_mode, return_indices=True)
    top, left, bottom, right = sides(padding)
    padded = F.pad(input, (left, right, top, bottom), value=-torch.inf)
    output, indices = F.max_pool2d(padded, kernel, stride, 0, dilation, ceil_mode, return_indices=True)
    y, x = indices // padded.shape[3] - top, indices % padded.shape[3] - left
    return output, y * input.shape[3] + x


def avg_pool2d(input, *, kernel, stride=None, padding=(0, 0), ceil_mode=False, count_include_pad=True):
    if len(padding) == 2 and all(2 * p <= k for p, k in zip(padding, kernel)):
        return F.avg_pool2d(input, kernel, stride, padding, ceil_mode, count_include_pad)
    top, left, bottom, right = sides(padding)
    padded = F.pad(input, (left, right, top, bottom))
    if count_include_pad:
        return F.avg_pool2d(padded, kernel, stride, 0, ceil_mode)
    cells = F.pad(torch.ones_like(input), (left, right, top, bottom))
    total, count = (F.avg_pool2d(x, kernel, stride, 0, ceil_mode, divisor_override=1) for x in (padded, cells))
    return total / count.detach()


def max_unpool2d(input, indices, *, kernel, stride=None, padding=(0, 0), output_size=None):
    return F.max_unpool2d(input, indices, kernel, stride, padding, output_size)


def upsample_bilinear2d(input, *, output_size, align_corners=False):
    return F.interpolate(input, output_size, mode="bilinear", align_corners=align_corners)


def upsample_nearest2d(input, *, output_size):
    return F.interpolate(input, output_size, mode="nearest")


def batch_norm2d(input, weight, bias, *, eps=1e-5):
    return F.batch_norm(input, None, None, weight, bias, training=True, eps=eps)


def group_norm(input, weight, bias, *, num_groups, eps=1e-5):
    return F.group_norm(input, num_groups, weight, bias, eps)


def cross_entropy2d(input, target, weight=None, *, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    return F.cross_entropy(
        input, target, weight, ignore_index=ignore_index, label_smoothing=label_smoothing, reduction=reduction
    )


# The cases.

CONV2D = """
name           n ci co image kernel stride padding   dilation groups bias dtype order
plain          2 2  3  5,4   3,3    -      1,1       -        -      1    F64   2
no_attributes  1 2  2  4,5   2,3    -      -         -        -      -    F64   2
remainder      1 2  2  6,8   3,3    2,3    -         -        -      1    F64   2
unequal        2 1  2  7,4   3,2    2,1    0,1       -        -      1    F64   2
strides        1 1  2  9,7   2,3    4,3    1,2       -        -      -    F64   2
skips_pixels   1 2  1  7,8   2,1    3,4    -         -        -      1    F64   2
pointwise      2 3  2  3,2   1,1    -      -         -        -      1    F64   2
k1_s2          1 2  3  5,4   1,1    2,2    -         -        -      -    F64   2
k1_s3_p1       1 1  2  4,6   1,1    3,3    1,1       -        -      1    F64   2
dilation       1 2  2  7,6   3,2    1,1    1,0       2,3      -      1    F64   2
dilation_s     1 2  1  8,9   2,3    2,3    2,1       3,2      -      -    F64   2
groups         1 4  2  5,4   3,2    2,1    1,1       -        2      1    F64   2
depthwise      2 3  3  4,5   3,3    1,2    1,1       -        3      1    F64   2
multiplier     1 2  4  4,5   2,3    2,2    1,0       2,1      2      -    F64   2
all_sides      1 2  1  5,4   3,3    2,2    0,1,2,0   -        -      1    F64   2
one_side       1 1  2  4,6   2,3    1,3    1,0,0,0   -        -      -    F64   2
sides_groups   1 2  2  4,3   3,2    2,1    2,0,1,3   1,2      2      1    F64   2
wide_padding   1 1  1  2,3   2,2    2,3    4,5       -        -      1    F64   2
one_pixel      1 1  2  1,1   3,3    -      1,1       -        -      1    F64   2
whole_image    1 2  2  4,3   4,3    1,2    -         -        -      1    F64   2
last_spot      1 2  1  9,3   3,3    6,1    -         -        -      1    F64   2
same_even      1 1  2  4,5   2,4    -      "same_upper" -     -      1    F64   2
same_dilated   1 2  2  4,5   3,2    -      "same_upper" 2,3   -      -    F64   2
valid          1 2  1  5,4   2,3    2,1    "valid"   -        -      1    F64   2
forward_alone  1 2  2  5,5   3,3    2,2    1,1       -        -      1    F64   0
first_order    1 2  2  5,6   3,2    2,2    1,1       -        -      1    F64   1
f32            2 2  3  6,5   3,2    2,1    1,1       -        -      1    F32   2
f32_depthwise  1 3  3  5,6   3,3    2,2    2,1       2,1      3      -    F32   2
"""

# T is stride * (map - 1) + dilation * (kernel - 1) + 1; the output has T - padding + output_padding.
CONV_TRANSPOSE2D = """
name           n ci co map kernel stride padding   output_padding dilation groups output_size bias dtype order
plain          2 2  3  4,3 3,3    -      1,1       -       -      -      -     1    F64   2
no_attributes  1 2  2  3,4 2,3    -      -         -       -      -      -     -    F64   2
relation_1     1 2  2  3,4 3,3    2,2    1,1       -       -      -      -     1    F64   2
relation_2     1 2  2  3,4 3,3    2,2    1,1       1,1     -      -      -     1    F64   2
one_axis       1 1  2  3,2 4,3    2,3    1,0       1,0     -      -      -     1    F64   2
remainders     1 2  1  2,3 4,2    3,4    1,0       2,3     -      -      -     -    F64   2
k1_s2          1 2  3  3,2 1,1    2,2    -         -       -      -      -     1    F64   2
k1_s2_op1      1 2  1  2,3 1,1    2,2    -         1,1     -      -      -     1    F64   2
k_below_s      1 1  2  3,2 2,1    3,4    -         1,2     -      -      -     1    F64   2
pointwise      2 3  2  2,3 1,1    -      -         -       -      -      -     1    F64   2
op_from_d      1 1  2  3,2 3,2    2,1    1,0       2,1     3,2    -      -     1    F64   2
op_past_s      1 1  1  4,2 5,2    2,2    2,1       3,4     4,5    -      -     -    F64   2
op_s1_d2       1 2  2  3,3 2,3    1,1    -         1,1     2,2    -      -     1    F64   2
dilation       1 2  1  2,3 3,2    2,3    2,1       -       2,3    -      -     1    F64   2
groups         1 4  2  3,2 3,2    2,1    1,0       1,0     -      2      -     1    F64   2
depthwise      2 3  3  2,3 3,3    2,2    1,1       1,1     -      3      -     1    F64   2
multiplier     1 2  4  2,3 2,3    2,1    0,2       -       1,2    2      -     -    F64   2
one_pixel      1 2  2  1,1 3,2    2,2    -         -       -      -      -     1    F64   2
one_to_one     1 1  1  1,1 3,3    2,2    1,1       -       -      -      -     1    F64   2
all_cropped    1 1  2  3,2 3,3    1,2    2,2       -       -      -      -     1    F64   2
past_kernel    1 2  1  4,3 2,2    2,3    3,3       -       -      -      -     1    F64   2
all_sides      1 2  1  3,2 3,3    2,2    0,1,1,0   -       -      -      -     1    F64   2
sides_op       1 1  2  3,2 3,4    2,3    1,0,0,2   1,2     -      -      -     1    F64   2
sides_below    1 2  2  2,3 2,3    2,2    1,1,0,0   1,1     -      -      -     -    F64   2
sides_groups   1 4  2  2,3 3,2    2,1    0,2,2,0   1,0     1,2    2      -     1    F64   2
sides_dilated  1 1  1  3,2 3,2    1,2    2,0,1,3   1,2     2,3    -      -     1    F64   2
sides_size     1 1  2  2,3 3,3    3,2    1,0,0,1   -       -      -      7,7   1    F64   2
size_least     1 2  1  3,2 3,3    2,3    1,1       -       -      -      5,4   1    F64   2
size_most      1 2  1  3,2 3,3    2,3    1,1       -       -      -      6,6   1    F64   2
size_mixed     1 1  2  2,3 4,3    4,2    1,0       -       -      -      7,8   -    F64   2
size_and_op    1 1  2  2,3 3,3    2,2    1,1       1,0     -      -      4,5   1    F64   2
size_past_s    1 1  1  3,2 2,3    1,2    1,2       -       3,3    -      6,7   1    F64   2
size_groups    1 2  2  2,3 2,3    3,2    -         -       -      2      6,8   1    F64   2
forward_alone  1 2  2  3,3 3,3    2,2    1,1       1,1     -      -      -     1    F64   0
first_order    1 2  2  3,2 3,3    2,2    1,1       -       -      -      -     1    F64   1
f32            2 2  3  3,4 3,2    2,2    1,0       1,0     -      -      -     1    F32   2
f32_past_s     1 2  2  3,2 3,2    2,1    1,0       2,1     3,2    2      -     -    F32   2
"""


def convolutions():
    for op, apply, table in (("conv2d", conv2d, CONV2D), ("conv_transpose2d", conv_transpose2d, CONV_TRANSPOSE2D)):
        for row in rows(table):
            name, dtype, order = take(row, "name", "dtype", "order")
            inputs = golden.inputs(row)
            case(f"{op}_{name}", op, apply, row, inputs, dtype=dtype, order=order)
    # Some grad_grad_* missing: they count as zero.
    for name, without in (
        ("input_alone", ("weight", "bias")), ("weight_alone", ("input", "bias")), ("no_bias", ("bias",)),
    ):
        inputs = {"input": golden.noise(1, 1, 4, 5), "weight": golden.noise(2, 1, 3, 2), "bias": golden.noise(2)}
        case(f"conv2d_second_{name}", "conv2d", conv2d, {"stride": [2, 1]}, inputs, without=without)
        inputs = {"input": golden.noise(1, 2, 2, 3), "weight": golden.noise(2, 1, 3, 2), "bias": golden.noise(1)}
        attrs = {"stride": [2, 1], "output_padding": [1, 0]}
        case(f"conv_transpose2d_second_{name}", "conv_transpose2d", conv_transpose2d, attrs, inputs, without=without)


MAX_POOL2D = """
name          n c image kernel stride padding dilation ceil_mode dtype order
plain         2 2 6,4   2,2    -      -       -        -         F64   2
remainder     1 2 7,9   2,2    -      -       -        false     F64   2
overlap       1 2 7,6   3,3    2,2    1,1     -        -         F64   2
unequal       1 1 5,8   3,2    1,3    1,0     -        -         F64   2
dilation      1 2 8,7   3,2    1,2    1,1     2,3      -         F64   2
ceil          1 2 6,7   3,3    2,2    -       -        true      F64   2
ceil_clipped  1 1 5,6   2,2    3,4    1,1     -        true      F64   2
ceil_k1       1 1 4,5   1,1    2,3    -       -        true      F64   2
ceil_dilated  1 1 7,8   2,3    3,2    1,1     2,1      true      F64   2
sides         1 2 5,4   3,3    2,2    0,1,2,0 -        -         F64   2
wide          1 1 4,5   3,3    2,1    2,2     -        -         F64   2
wide_dilated  1 1 6,5   2,2    1,2    2,1     2,3      -         F64   2
sides_ceil    1 1 6,5   3,2    2,3    1,0,0,1 -        true      F64   2
one_pixel     2 1 1,1   1,1    -      -       -        -         F64   2
f32           1 2 7,5   3,2    2,2    1,1     -        true      F32   2
"""

AVG_POOL2D = """
name          n c image kernel stride padding ceil_mode count_include_pad dtype order
plain         2 2 6,4   2,2    -      -       -         -                 F64   2
remainder     1 2 7,9   2,3    -      -       false     true              F64   2
padded        1 1 7,6   3,3    2,2    1,1     -         -                 F64   2
real_cells    1 1 7,6   3,3    2,2    1,1     -         false             F64   2
unequal       1 2 5,8   3,2    1,3    1,0     -         false             F64   2
ceil          1 2 6,7   3,3    2,2    -       true      -                 F64   2
ceil_padded   1 1 6,7   3,2    2,3    1,1     true      true              F64   2
ceil_real     1 1 6,7   3,2    2,3    1,1     true      false             F64   2
ceil_clipped  1 1 5,6   2,2    3,4    1,1     true      true              F64   2
ceil_k1       1 1 4,5   1,1    2,3    -       true      true              F64   2
sides         1 2 5,4   3,3    2,2    0,1,2,0 -         true              F64   2
sides_real    1 2 5,4   3,3    2,2    0,1,2,0 -         false             F64   2
wide          1 1 4,5   3,3    2,1    2,2     -         true              F64   2
wide_real     1 1 4,5   3,3    2,1    2,2     -         false             F64   2
sides_ceil    1 1 6,5   3,2    2,3    1,0,0,1 true      true              F64   2
f32           1 2 7,5   3,2    2,2    1,1     true      false             F32   2
"""

# `sizes`: of the map. Indices are any places of the output, no two the same.
MAX_UNPOOL2D = """
name        n c sizes kernel stride padding output_size dtype order
plain       2 2 3,2   2,2    -      -       -           F64   2
size_more   1 2 3,4   2,2    -      -       7,9         F64   2
size_less   1 2 3,2   2,2    2,2    -       5,3         F64   2
overlap     1 1 3,4   3,3    2,2    1,1     -           F64   2
overlap_6   1 1 3,4   3,3    2,2    1,1     6,8         F64   2
unequal     1 1 2,3   3,2    1,3    -       -           F64   2
one_pixel   1 2 1,1   2,3    -      -       -           F64   2
f32         1 2 2,3   2,2    -      -       5,7         F32   2
"""


def pools():
    for op, apply, table in (("max_pool2d", max_pool2d, MAX_POOL2D), ("avg_pool2d", avg_pool2d, AVG_POOL2D)):
        for row in rows(table):
            name, n, c, image, dtype, order = take(row, "name", "n", "c", "image", "dtype", "order")
            one_rule_for_ceil(image, **row)
            draw = golden.distinct if op == "max_pool2d" else golden.noise
            case(f"{op}_{name}", op, apply, row, {"input": draw(n, c, *image)}, dtype=dtype, order=order)
    for row in rows(MAX_UNPOOL2D):
        name, n, c, size, dtype, order = take(row, "name", "n", "c", "sizes", "dtype", "order")
        stride, padding = row.get("stride", row["kernel"]), row.get("padding", [0, 0])
        inferred = [s * (i - 1) + k - 2 * p for s, i, k, p in zip(stride, size, row["kernel"], padding)]
        places = int(np.prod(row.get("output_size", inferred)))
        indices = np.stack([golden.draw.permutation(places)[: size[0] * size[1]] for _ in range(n * c)])
        constants = {"indices": indices.reshape(n, c, *size)}
        inputs = {"input": golden.noise(n, c, *size)}
        case(f"max_unpool2d_{name}", "max_unpool2d", max_unpool2d, row, inputs, constants, dtype, order)


def one_rule_for_ceil(image, kernel, stride=None, padding=(0, 0), dilation=(1, 1), ceil_mode=False, **_):
    """Stops where a last window drops out only by PyTorch's rule (one that starts in the padding behind), which F.pad in
    front of an unpadded pool would not follow."""
    if not ceil_mode or len(padding) == 2:
        return
    for axis in (0, 1):
        i, s, before, after = image[axis], (stride or kernel)[axis], padding[axis], padding[axis + 2]
        reach = dilation[axis] * (kernel[axis] - 1) + 1
        spots = (i + before + after - reach + s - 1) // s + 1
        assert ((spots - 1) * s >= i + before) == ((spots - 1) * s >= i + before + after)


def resizes():
    sizes = {
        "twice": ([3, 4], [6, 8]), "odd": ([3, 2], [7, 9]), "down": ([7, 9], [4, 5]), "both_ways": ([5, 6], [9, 3]),
        "from_one": ([1, 1], [3, 4]), "to_one": ([5, 4], [1, 1]), "row": ([1, 5], [4, 1]), "equal": ([3, 4], [3, 4]),
        "one_more": ([4, 5], [5, 6]),
    }
    for corners in (False, True):
        for name, (image, size) in sizes.items():
            attrs = {"output_size": size} | ({"align_corners": True} if corners else {})
            case(
                f"bilinear_{'corners' if corners else 'centres'}_{name}", "upsample_bilinear2d", upsample_bilinear2d,
                attrs, {"input": golden.noise(1, 2 if name == "twice" else 1, *image)},
            )
    for name, (image, size) in sizes.items():
        inputs = {"input": golden.noise(1, 2 if name == "twice" else 1, *image)}
        case(f"nearest_{name}", "upsample_nearest2d", upsample_nearest2d, {"output_size": size}, inputs)
    inputs = {"input": golden.noise(2, 1, 3, 4)}
    attrs = {"output_size": [5, 7], "align_corners": False}
    case("bilinear_f32", "upsample_bilinear2d", upsample_bilinear2d, attrs, inputs, dtype="F32")


def norms():
    def affine(channels):
        return {"weight": golden.noise(channels), "bias": golden.noise(channels)}

    for name, shape, attrs, dtype in [
        ("plain", (2, 3, 3, 2), {}, "F64"),
        ("one_picture", (1, 2, 3, 4), {"eps": 1e-3}, "F64"),
        ("one_pixel", (3, 2, 1, 1), {"eps": 0.1}, "F64"),
        ("two_values", (1, 2, 1, 2), {}, "F64"),
        ("f32", (2, 2, 3, 4), {}, "F32"),
    ]:
        inputs = {"input": golden.noise(*shape) * 2 + 1, **affine(shape[1])}
        case(f"batch_norm_{name}", "batch_norm2d", batch_norm2d, attrs, inputs, dtype=dtype)
    x = golden.noise(2, 3, 2, 3)
    x[:, 0] += 1000  # far from zero
    x[:, 1] = 0.75  # no variance at all
    case("batch_norm_hard", "batch_norm2d", batch_norm2d, {"eps": 1e-2}, {"input": x, **affine(3)})
    inputs = {"input": golden.noise(2, 2, 2, 3), **affine(2)}
    case("batch_norm_second_input", "batch_norm2d", batch_norm2d, {}, inputs, without=("weight", "bias"))

    for name, shape, attrs, dtype in [
        ("one_group", (2, 3, 2, 3), {"num_groups": 1}, "F64"),
        ("two_groups", (2, 4, 3, 2), {"num_groups": 2}, "F64"),
        ("each_channel", (2, 3, 2, 3), {"num_groups": 3}, "F64"),
        ("one_picture", (1, 4, 1, 3), {"num_groups": 2, "eps": 1e-3}, "F64"),
        ("one_pixel", (2, 4, 1, 1), {"num_groups": 2, "eps": 0.1}, "F64"),
        ("no_variance", (2, 2, 1, 1), {"num_groups": 2, "eps": 1e-2}, "F64"),
        ("f32", (2, 4, 2, 3), {"num_groups": 2}, "F32"),
    ]:
        inputs = {"input": golden.noise(*shape) + 1, **affine(shape[1])}
        case(f"group_norm_{name}", "group_norm", group_norm, attrs, inputs, dtype=dtype)


def losses():
    def loss(name, attrs, classes=4, shape=(2, 2, 3), weights=None, ignored=(), input=None, **more):
        n, h, w = shape
        target = golden.draw.integers(0, classes, shape)
        if ignored:
            target.ravel()[list(ignored)] = attrs.get("ignore_index", -100)
        constants = {"target": target} | ({} if weights is None else {"weight": np.asarray(weights)})
        inputs = {"input": golden.noise(n, classes, h, w) * 2 if input is None else input}
        case(f"cross_entropy_{name}", "cross_entropy2d", cross_entropy2d, attrs, inputs, constants, **more)

    weights = [0.5, 2.0, 1.25, 0.75]
    for reduction in ("mean", "sum", "none"):
        loss(reduction, {"reduction": reduction})
        loss(f"{reduction}_ignored", {"reduction": reduction, "ignore_index": 255}, ignored=(1, 4, 11))
        loss(f"{reduction}_weights", {"reduction": reduction}, weights=weights)
        loss(f"{reduction}_smooth", {"reduction": reduction, "label_smoothing": 0.1}, ignored=(0, 7))
        loss(
            f"{reduction}_all", {"reduction": reduction, "label_smoothing": 0.2, "ignore_index": 255},
            weights=weights, ignored=(2, 3, 5),
        )
    loss("default", {}, scalar=(1,))
    loss("ignored_class", {"ignore_index": 1}, ignored=(0, 5))
    loss("no_weight", {"label_smoothing": 0.3}, weights=[1.0, 0.0, 0.5, 0.0])
    loss("all_smooth", {"label_smoothing": 1.0}, classes=3)
    loss("one_class", {}, classes=1)
    loss("one_left", {}, shape=(1, 2, 3), ignored=(0, 1, 2, 4, 5))
    loss("one_pixel", {"reduction": "none"}, shape=(1, 1, 1), classes=3)
    loss("far", {}, shape=(1, 2, 2), input=golden.noise(1, 4, 2, 2) * 300)
    loss("f32", {"label_smoothing": 0.1, "ignore_index": 255}, weights=weights, ignored=(3,), dtype="F32")


# PyTorch's own words. output_size is an argument of the module's call; everything else both forms take.

CONV = """
name         ci co image kernel stride padding dilation groups
plain        2  2  5,4   3,3    -      -       -        -
p1           1  2  5,6   3,3    -      1,1     -        -
s2           2  1  7,6   3,2    2,2    1,0     -        -
unequal      1  2  8,5   2,3    3,1    0,2     -        -
even         1  1  6,7   4,2    2,3    1,1     -        -
s4           1  1  9,8   3,4    4,4    1,2     -        -
skips        1  2  7,9   1,2    2,4    -       -        -
dilation     1  1  7,8   3,2    1,2    2,1     2,3      -
groups       4  2  5,4   3,2    2,1    1,1     -        2
depthwise    3  3  4,5   3,3    2,1    1,0     1,2      3
same         1  2  5,4   3,2    -      "same"  -        -
same_even    1  1  4,5   4,2    -      "same"  -        -
same_dilated 1  1  6,5   2,3    -      "same"  3,1      -
valid        1  2  6,5   3,2    2,3    "valid" -        -
"""

CONV_TRANSPOSE = """
name         ci co map kernel stride padding output_padding dilation groups output_size
plain        2  2  3,4 3,3    -      -       -       -        -      -
p1           1  2  3,4 3,3    -      1,1     -       -        -      -
relation_1   1  1  3,3 3,3    2,2    1,1     -       -        -      -
relation_2   1  1  3,3 3,3    2,2    1,1     1,1     -        -      -
even         1  2  3,2 4,4    2,2    1,1     -       -        -      -
one_axis     1  1  2,3 4,3    3,2    1,1     1,0     -        -      -
k5           1  1  2,3 5,4    2,3    2,1     1,1     -        -      -
k_below_s    1  2  2,3 1,2    2,4    -       -       -        -      -
k_below_s_op 1  1  2,3 1,2    2,4    -       1,3     -        -      -
s4           1  1  2,2 3,5    4,4    1,0     3,2     -        -      -
dilation     1  2  3,2 3,2    1,2    1,0     -       2,3      -      -
op_from_d    1  1  3,2 3,2    2,1    1,0     2,1     3,2      -      -
op_past_s    1  1  4,2 5,2    2,2    2,1     3,4     4,5      -      -
groups       4  2  3,2 3,2    2,1    1,1     1,0     -        2      -
depthwise    3  3  2,3 3,3    2,2    1,1     -       -        3      -
to_one       1  1  1,1 3,3    2,2    1,1     -       -        -      -
past_kernel  1  1  3,4 2,1    2,3    2,4     -       -        -      -
size_5       1  1  3,3 3,3    2,2    1,1     -       -        -      5,5
size_6       1  1  3,3 3,3    2,2    1,1     -       -        -      6,6
size_mixed   1  2  2,3 4,3    4,2    1,0     -       -        -      7,8
size_k1      1  1  3,2 1,1    3,2    -       -       -        -      9,3
size_dilated 1  1  2,3 2,3    3,2    1,1     -       2,3      -      6,10
"""

REFUSED = """
name            layer          size kernel stride padding output_padding dilation output_size because
small_image     conv           2,4  3,3    -      -       -       -        -    the_kernel_exceeds_the_padded_image
small_dilated   conv           5,6  3,2    -      1,0     -       4,1      -    the_kernel_exceeds_the_padded_image
same_stride     conv           6,6  3,3    2,2    "same"  -       -        -    padding_same_is_for_stride_1_only
op_2_s2         conv_transpose 3,3  3,3    2,2    1,1     2,2     -        -    output_padding_below_stride_or_dilation
op_1_s1         conv_transpose 3,3  3,3    1,2    1,1     1,1     -        -    output_padding_below_stride_or_dilation
op_3_d3         conv_transpose 3,4  2,2    2,1    -       3,0     3,1      -    output_padding_below_stride_or_dilation
empty           conv_transpose 2,3  2,3    1,1    2,1     -       -        -    the_output_is_empty
size_4          conv_transpose 3,3  3,3    2,2    1,1     -       -        4,4  output_size_is_5_or_6
size_7          conv_transpose 3,3  3,3    2,2    1,1     -       -        7,7  output_size_is_5_or_6
size_one_axis   conv_transpose 2,3  4,3    3,2    -       -       -        7,9  output_size_is_7_to_9_by_7_to_8
"""


def words():
    for layer, table in (("conv", CONV), ("conv_transpose", CONV_TRANSPOSE)):
        for row in rows(table):
            name, layout = row.pop("name"), "OIHW" if layer == "conv" else "IOHW"
            x, weight = [golden.whole(*shape) for shape in shapes(row)[:2]]
            golden.dialect(f"{layer}_{name}", "pytorch", layer, row, layout, x, weight, module(layer, x, weight, **row))
    for row in rows(REFUSED):
        name, layer, size, kernel, because = take(row, "name", "layer", "size", "kernel", "because")
        x, weight = golden.whole(1, 1, *size), golden.whole(1, 1, *kernel)
        golden.refused(
            f"refused_{name}", "pytorch", layer, row, size, kernel, because.replace("_", " "),
            lambda: module(layer, x, weight, **row),
        )


def module(layer, x, weight, output_size=None, **arguments):
    """The module's own answer."""
    groups = arguments.get("groups", 1)
    if layer == "conv":
        channels, kind = (x.shape[1], weight.shape[0]), torch.nn.Conv2d
    else:
        channels, kind = (x.shape[1], weight.shape[1] * groups), torch.nn.ConvTranspose2d
    net = kind(*channels, weight.shape[2:], bias=False, dtype=torch.float64, **arguments)
    net.weight.data.copy_(torch.tensor(weight))
    x = torch.tensor(x)
    with torch.no_grad():
        return (net(x, output_size) if output_size else net(x)).numpy()


def main():
    torch.set_num_threads(1)
    for group in (convolutions, pools, resizes, norms, losses, words):
        group()
    golden.save(f"PyTorch {torch.__version__}, NumPy {np.__version__}")


if __name__ == "__main__":
    main()
