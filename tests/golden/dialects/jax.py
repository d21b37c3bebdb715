#!/usr/bin/env python3
"""Writes jax.safetensors and jax.json: convolutions in JAX's own words. How to read them, common.py says.

How to run (any recent JAX):

    python3 -m venv jx && jx/bin/pip install jax numpy safetensors
    jx/bin/python tests/golden/dialects/jax.py

JAX refuses little: where nothing fits, its answer is an empty picture.
"""

import os

from common import Golden, rows, shapes, take

os.environ |= {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}
import jax
import jax.numpy as jnp
import numpy as np

ABOUT = """The words are those of jax.lax.conv_general_dilated (conv) and jax.lax.conv_transpose: window_strides or
strides, padding as a word or as [[top, bottom], [left, right]], rhs_dilation, feature_group_count and transpose_kernel.
The explicit pairs of conv_transpose pad the map between whose values strides - 1 zeros were put. Without transpose_kernel
a transposed convolution takes [kh, kw, in, out] (HWIO) and does not flip it: it is the transpose of the convolution whose
kernel is flipped along both axes. With it, the kernel is that convolution's own, [kh, kw, out, in] (HWOI) in the
words of this layer."""

golden = Golden("jax", seed=20261206)

CONV = """
name         ci co image kernel window_strides padding rhs_dilation feature_group_count
same         1  2  5,4   3,3    1,1 "SAME"        -            -
same_s2      1  2  6,7   3,4    2,2 "SAME"        -            -
same_k_lt_s  1  1  7,9   1,2    2,4 "SAME"        -            -
same_dilated 1  1  6,7   3,2    1,2 "SAME"        2,3          -
lower        1  2  5,4   4,2    1,1 "SAME_LOWER"  -            -
lower_s2     1  1  6,7   3,4    2,2 "SAME_LOWER"  -            -
valid        2  1  6,7   3,2    2,3 "VALID"       -            -
valid_d      1  1  8,7   3,2    2,1 "VALID"       2,4          -
sides        1  2  5,4   3,3    2,2 [[0,2],[1,0]] -            -
groups       4  2  5,6   3,2    2,1 "SAME"        -            2
"""

CONV_TRANSPOSE = """
name         ci co map kernel strides padding       rhs_dilation transpose_kernel
plain        2  3  3,4 3,3    2,2     "SAME"        -            -
same_s1      1  2  3,4 3,2    1,1     "SAME"        -            -
same_even    1  1  3,2 4,2    2,2     "SAME"        -            -
same_k5_s3   1  1  2,3 5,4    3,3     "SAME"        -            -
same_k3_s4   1  1  2,2 3,4    4,4     "SAME"        -            -
same_k_is_s  1  1  2,3 3,2    3,2     "SAME"        -            -
same_k_lt_s  1  1  3,2 1,2    2,4     "SAME"        -            -
same_k1      1  1  3,2 1,1    3,2     "SAME"        -            -
same_dilated 1  1  3,2 3,2    2,3     "SAME"        2,3          -
same_d_s1    1  1  3,4 3,2    1,1     "SAME"        2,3          -
valid        1  2  3,2 3,2    2,2     "VALID"       -            -
valid_s1     1  1  3,4 3,2    1,1     "VALID"       -            -
valid_k5_s3  1  1  2,3 3,5    3,3     "VALID"       -            -
valid_k_lt_s 1  1  3,2 1,2    2,4     "VALID"       -            -
valid_d      1  1  2,3 3,2    2,3     "VALID"       2,2          -
sides        1  1  3,2 3,3    2,2     [[1,2],[2,1]] -            -
sides_more   1  1  2,3 3,2    2,3     [[2,4],[0,3]] -            -
sides_less   1  1  3,4 3,3    2,2     [[0,0],[0,1]] -            -
t_plain      2  3  3,4 3,3    2,2     "SAME"        -            true
t_same_s1    1  2  3,4 3,2    1,1     "SAME"        -            true
t_even       1  1  3,2 4,2    2,2     "SAME"        -            true
t_k5_s3      1  1  2,3 5,4    3,3     "SAME"        -            true
t_k_lt_s     1  1  3,2 1,2    2,4     "SAME"        -            true
t_dilated    1  1  3,2 3,2    2,3     "SAME"        2,3          true
t_valid      1  2  3,2 3,2    2,2     "VALID"       -            true
t_valid_lt_s 1  1  3,2 1,2    2,4     "VALID"       -            true
t_sides      1  1  3,2 3,3    2,2     [[1,2],[2,1]] -            true
t_false      1  2  3,4 3,2    2,2     "SAME"        -            false
"""

REFUSED = """
name  layer          size kernel strides padding      because
lower conv_transpose 3,3  3,3    2,2     "SAME_LOWER" padding_is_SAME_or_VALID_or_pairs
full  conv_transpose 3,3  3,3    2,2     "FULL"       padding_is_SAME_or_VALID_or_pairs
"""


def layer_of(layer, x, weight, **arguments):
    numbers = ("NCHW", "HWIO", "NCHW")
    run = jax.lax.conv_general_dilated if layer == "conv" else jax.lax.conv_transpose
    return np.asarray(run(jnp.asarray(x), jnp.asarray(weight), dimension_numbers=numbers, **arguments))


def main():
    for layer, table in (("conv", CONV), ("conv_transpose", CONV_TRANSPOSE)):
        for row in rows(table):
            name, turned = row.pop("name"), row.get("transpose_kernel", False)
            x, (a, b, h, w), _ = shapes(row, "feature_group_count")
            layout, order = ("HWOI", (b, a)) if turned else ("HWIO", (b, a) if layer == "conv" else (a, b))
            x, weight = golden.whole(*x), golden.whole(h, w, *order)
            golden.dialect(f"{layer}_{name}", "jax", layer, row, layout, x, weight, layer_of(layer, x, weight, **row))
    for row in rows(REFUSED):
        name, layer, size, kernel, because = take(row, "name", "layer", "size", "kernel", "because")
        x, weight = golden.whole(1, 1, *size), golden.whole(*kernel, 1, 1)
        golden.refused(
            f"refused_{name}", "jax", layer, row, size, kernel, because.replace("_", " "),
            lambda: layer_of(layer, x, weight, **row),
        )
    golden.save(f"JAX {jax.__version__}, NumPy {np.__version__}", ABOUT)


if __name__ == "__main__":
    main()
