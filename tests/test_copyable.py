"""Each model file works alone: copied into an empty folder, without the package."""

import ast
import io
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import aezoo

PACKAGE = Path(aezoo.__file__).parent
NOT_COPIED = {"__init__.py", "losses.py", "plots.py"}
MODEL_FILES = sorted(p for p in PACKAGE.glob("*.py") if p.name not in NOT_COPIED)
# Lines of code, docstrings, comments and blank lines apart: a file shows its idea on
# the first screen.
MOST_LINES = {
    "boltzmann.py": 170,
    "conditional.py": 85,
    "contractive.py": 65,
    "convolutional.py": 60,
    "convolutional_variational.py": 80,
    "denoising.py": 105,
    "layerwise.py": 120,
    "likelihood.py": 96,
    "linear.py": 25,
    "recommender.py": 70,
    "sparse.py": 110,
    "stacked.py": 40,
    "undercomplete.py": 32,
    "variational.py": 60,
}

TRAIN = """
import importlib.util, sys
import numpy as np
import keras

sys.modules["aezoo"] = None  # any import of the package fails from here on
x = np.random.default_rng(0).random((32, 8, 8, 1)).astype("float32")
for path in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location("copied", path)
    copied = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(copied)
    for name in [n for n in vars(copied) if n.endswith("_autoencoder")]:
        model = getattr(copied, name)(x.shape[1:], latent_dim=4)
        model.compile("adam", loss="mse")
        conditions = [np.zeros((32, 10))] * (len(model.inputs) - 1)
        given = [x, *conditions] if conditions else x
        history = model.fit(given, x, verbose=0).history
        assert np.isfinite(history["loss"]).all(), name
        print("trained", name)
    for name in [n for n in vars(copied) if n.startswith("pretrain_")]:
        layer = keras.layers.Dense(4, "sigmoid")
        inputs, codes = keras.Input((64,)), keras.Input((4,))
        encoder = keras.Model(inputs, layer(inputs), name="encoder")
        pixels = keras.layers.Dense(64, "sigmoid")(codes)
        decoder = keras.Model(codes, pixels, name="decoder")
        model = keras.Model(inputs, decoder(encoder(inputs)))
        before = layer.get_weights()[0]
        getattr(copied, name)(model, x.reshape(32, 64), epochs=1, verbose=0)
        assert (layer.get_weights()[0] != before).any()
        print("trained", name)
"""


@pytest.mark.parametrize("path", MODEL_FILES, ids=lambda path: path.name)
def test_it_imports_only_keras_numpy_and_the_standard_library(path):
    allowed = {"keras", "numpy", *sys.stdlib_module_names}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno} imports a sibling"
            names = [node.module]
        else:
            continue
        for name in names:
            assert name.split(".")[0] in allowed, f"line {node.lineno}: {name}"


def lines_of_code(text):
    """Lines that hold code: no docstring, no comment, no blank line."""
    docstrings = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and ast.get_docstring(node) is not None
        for line in range(node.body[0].lineno, node.body[0].end_lineno + 1)
    }
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER}
    silent |= {tokenize.INDENT, tokenize.DEDENT}
    lines = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in silent
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(lines - docstrings)


@pytest.mark.parametrize("path", MODEL_FILES, ids=lambda path: path.name)
def test_it_is_short(path):
    # A file that is not listed is a new model.
    assert lines_of_code(path.read_text()) <= MOST_LINES.get(path.name, 110)


@pytest.mark.parametrize("path", MODEL_FILES, ids=lambda path: path.name)
def test_it_names_its_licence_on_the_first_line(path):
    first_line = path.read_text().splitlines()[0]
    assert first_line == "# SPDX-License-Identifier: Apache-2.0"


def test_each_copy_trains_in_an_empty_folder(tmp_path):
    copies = []
    for path in MODEL_FILES:
        copy = tmp_path / path.stem / path.name
        copy.parent.mkdir()
        copy.write_text(path.read_text())
        copies.append(str(copy))
    result = subprocess.run(
        [sys.executable, "-c", TRAIN, *copies],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    trained = {line.split()[1] for line in result.stdout.splitlines()}
    assert trained == {
        name
        for name in aezoo.__all__
        if name.endswith("_autoencoder") or name.startswith("pretrain_")
    }
