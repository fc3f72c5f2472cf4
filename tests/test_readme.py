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
    (tmp_path / "pictures" / "more").mkdir()
    (tmp_path / "pictures" / "notes.txt").write_text("no picture")
    for number, name in enumerate(["a.jpg", "b.JPG", "c.png", "more/d.Jpeg"] * 3):
        picture = rng.random((50 + number, 70, 3))
        path = tmp_path / "pictures" / name
        keras.utils.save_img(path.with_stem(f"{path.stem}{number}"), picture)
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


def test_the_recipe_for_tables_survives_what_tables_hold(tmp_path):
    rng = np.random.default_rng(0)
    lines = ["name;a;constant;b;sometimes"]
    for row in range(200):
        a, b = rng.normal([10, 500], [2, 100])
        gap = "" if row % 3 else "7.5"  # constant too, but for its gaps
        lines.append(
            f"row {row};{a:.3f};0.1;{'' if row % 7 == 3 else f'{b:.1f}'};{gap}"
        )
    (tmp_path / "table.csv").write_text("\n".join(lines))
    (block,) = (block for block in BLOCKS if '"table.csv"' in block)
    block += """
assert x.shape == (200, 2) and codes.shape == (200, 2)
assert np.isfinite(codes).all() and np.isfinite(guesses).all()
"""
    result = subprocess.run(
        [sys.executable, "-c", block],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert "2 of 5 columns hold numbers that vary" in result.stdout


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
