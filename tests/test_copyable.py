"""Each model file works alone: copied into an empty folder, without the package."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import aezoo

PACKAGE = Path(aezoo.__file__).parent
NOT_MODELS = {"__init__.py", "losses.py", "plots.py"}
MODEL_FILES = sorted(p for p in PACKAGE.glob("*.py") if p.name not in NOT_MODELS)

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
    builders = [n for n in vars(copied) if n.endswith("_autoencoder")]
    assert builders, f"{path} has no builder"
    for name in builders:
        model = getattr(copied, name)(x.shape[1:], latent_dim=4)
        model.compile("adam", loss="mse")
        history = model.fit(x, x, verbose=0).history
        assert np.isfinite(history["loss"]).all(), name
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
    assert trained == {n for n in aezoo.__all__ if n.endswith("_autoencoder")}
