"""The README's code runs as printed, in order, in a folder with a user's own files."""

import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

pytestmark = pytest.mark.one_backend

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)


@pytest.fixture
def folder_of_a_user(tmp_path):
    """A working folder with `pictures/` of any size and a `table.csv`."""
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for number in range(10):
        picture = rng.random((50 + number, 70, 3))
        keras.utils.save_img(tmp_path / "pictures" / f"{number}.jpg", picture)
    rows = rng.normal([10, -3, 500, 0], [2, 1, 100, 0.1], size=(200, 4))
    np.savetxt(
        tmp_path / "table.csv", rows, delimiter=",", header="a,b,c,d", comments=""
    )
    return tmp_path


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_code_block_runs(number, folder_of_a_user):
    result = subprocess.run(
        [sys.executable, "-c", BLOCKS[number]],
        cwd=folder_of_a_user,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, f"{BLOCKS[number]}\n{result.stderr}"


def test_there_is_a_recipe_for_pictures_and_one_for_tables():
    assert len(BLOCKS) >= 3
    assert any('"pictures"' in block for block in BLOCKS)
    assert any('"table.csv"' in block for block in BLOCKS)


def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link


def test_every_builder_has_a_row():
    import aezoo

    for name in aezoo.__all__:
        if name.endswith("_autoencoder"):
            assert f"`{name}`" in README
