"""What the scripts of this folder share: drawing values, recording cases, writing the two files.

A script named FRAMEWORK.py runs that framework and writes FRAMEWORK.safetensors (the tensors) and
FRAMEWORK.json (what each case is). ABOUT below says how to read them.
"""

import json
import re
import sys
from pathlib import Path

# A script's folder comes first on the path, and here it would hide the frameworks of these names.
HERE = Path(__file__).resolve().parent
sys.path = [folder for folder in sys.path if Path(folder or ".").resolve() != HERE]

import numpy as np
from safetensors.numpy import save_file

ABOUT = """Three kinds of case. The tensors of a case are called NAME/KEY in the safetensors file; pictures are NCHW.

op: one run of `mirrorgrad op` with the attributes `attrs`, in the precision `dtype`. NAME/in/KEY is an input (input,
weight, bias, indices, target, grad_output, grad_grad_*), NAME/out/KEY what must come out (output, indices, grad_*,
second_*). Only what the framework gives is here: a missing out/KEY says nothing. Weights are in the contract's order,
[out, in/groups, kh, kw] and [in, out/groups, kh, kw] for conv_transpose2d, whatever the framework's own.

dialect: a `layer` (conv or conv_transpose) of `framework`, run with its own arguments `words` (those passed, without
the kernel's size and the numbers of channels, which are those of the weight; sizes are [h, w]). NAME/x is its input,
NAME/weight its weight in the framework's own order `weight_layout` (I and O are this layer's input and output channels
as it runs; with groups, I of a conv and O of a conv_transpose are those of one group), NAME/y its output. No bias. The
values are small whole numbers, so y is exact in any precision and any order of summation.

refused: a layer the framework refuses to run, with the `image` it was given (conv) or the `map` (conv_transpose),
`because` of what, in our words, and the `error` it gave, shortened."""


class Golden:
    """The cases of one framework."""

    def __init__(self, framework, seed):
        self.framework, self.tensors, self.cases = framework, {}, []
        self.draw = np.random.default_rng(seed)

    def noise(self, *shape):
        return self.draw.standard_normal(shape)

    def distinct(self, *shape):
        """Values no two of which are closer than 0.125: no ties for a max pool."""
        count = int(np.prod(shape))
        return (self.draw.permutation(count).reshape(shape) - count // 2) * 0.125

    def whole(self, *shape):
        """Whole numbers of -4 to 4 but 0."""
        return self.draw.integers(1, 5, shape) * self.draw.choice([-1.0, 1.0], shape)

    def inputs(self, row, groups="groups"):
        """Draws input, weight and bias (where the row asks for it) of one layer; takes what describes them out of the
        row."""
        x, weight, outputs = shapes(row, groups)
        drawn = {"input": self.noise(*x), "weight": self.noise(*weight)}
        return drawn | ({"bias": self.noise(outputs)} if row.pop("bias", 0) else {})

    def op(self, name, op, attrs, dtype, inputs, outputs):
        """`inputs` and `outputs`: arrays by KEY; the floating ones are stored as `dtype`."""
        self._case(name, kind="op", op=op, attrs=attrs, dtype=dtype)
        for side, arrays in (("in", inputs), ("out", outputs)):
            for key, value in arrays.items():
                self._put(f"{name}/{side}/{key}", value, {"F32": np.float32, "F64": np.float64}[dtype])

    def dialect(self, name, framework, layer, words, weight_layout, x, weight, y):
        assert x.ndim == weight.ndim == y.ndim == 4 and y.size > 0, name
        assert np.array_equal(y, np.rint(y)) and np.abs(y).max() < 2**20, f"{name}: not exact"
        self._case(name, kind="dialect", framework=framework, layer=layer, words=words, weight_layout=weight_layout)
        for key, value in (("x", x), ("weight", weight), ("y", y)):
            self._put(f"{name}/{key}", value, np.float32)

    def refused(self, name, framework, layer, words, size, kernel, because, run):
        """Records that `run()` fails; stops if it does not."""
        try:
            result = run()
        except Exception as failure:
            error = f"{type(failure).__name__}: {shortened(str(failure))}"
        else:
            raise AssertionError(f"{name}: not refused, gave {np.asarray(result).shape}")
        size = {"image" if layer == "conv" else "map": list(size)}
        self._case(
            name, kind="refused", framework=framework, layer=layer, words=words, **size, kernel=list(kernel),
            because=because, error=error,
        )

    def _case(self, name, **fields):
        assert all(case["name"] != name for case in self.cases), name
        self.cases.append({"name": name, **fields})

    def _put(self, name, value, kind):
        value = np.asarray(value)
        value = value.astype(kind if value.dtype.kind == "f" else np.int64)
        assert np.isfinite(value).all(), name
        self.tensors[name] = np.array(value, order="C")

    def save(self, made_by, about=""):
        """`made_by`: versions. `about`: what is particular to this framework."""
        save_file(self.tensors, HERE / f"{self.framework}.safetensors")
        lines = ",\n".join("  " + json.dumps(case) for case in self.cases)
        about = "\n\n".join(filter(None, [ABOUT, about]))
        (HERE / f"{self.framework}.json").write_text(
            f'{{\n "about": {json.dumps(about)},\n "made_by": {json.dumps(made_by)},\n "cases": [\n{lines}\n ]\n}}\n'
        )
        kinds = [case["kind"] for case in self.cases]
        counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("op", "dialect", "refused"))
        numbers = sum(value.size for value in self.tensors.values())
        print(f"{self.framework}: {counts}; {len(self.tensors)} tensors, {numbers} numbers; {made_by}")


def shortened(text, limit=180):
    """What an error says, in one line of ASCII, without its origin: stack frames, file names, colours, node names."""
    text = text.rpartition("Status Message: ")[2]
    text = re.sub(r"\x1b\[[0-9;]*m|\{\{.*?\}\}|^Traceback .*$|^.*(File \"|OpenCV\().*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"(^> *)|MXNetError: ", "", text, flags=re.MULTILINE)
    text = " ".join(text.split()).encode("ascii", "replace").decode()
    return text if len(text) <= limit else text[: limit - 3] + "..."


def rows(text):
    """A table: the first line names the columns, every later one is a case. A cell is JSON with sizes written h,w
    (3,2 is [3, 2]); a dash is an argument not passed."""
    head, *lines = [line.split() for line in text.strip().splitlines()]
    for line in lines:
        assert len(line) == len(head), line
        yield {key: cell(word) for key, word in zip(head, line) if word != "-"}


def take(row, *keys):
    """Takes cells out of a row. What stays is what the layer is given as arguments."""
    return [row.pop(key) for key in keys]


def shapes(row, groups="groups"):
    """Takes the sizes out of the row of a convolution (it has an image) or of a transposed one (a map). The shapes of
    its input and of its weight in the contract's order, and the number of its output channels."""
    ci, co, kernel = take(row, "ci", "co", "kernel")
    n, share = row.pop("n", 1), row.get(groups, 1)
    if "image" in row:
        return (n, ci, *row.pop("image")), (co, ci // share, *kernel), co
    return (n, ci, *row.pop("map")), (ci, co // share, *kernel), co


def cell(word):
    if "," in word and not word.startswith("["):
        word = f"[{word}]"
    try:
        return json.loads(word)
    except json.JSONDecodeError:
        return word
