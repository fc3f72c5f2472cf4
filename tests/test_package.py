"""What is published can be installed and used, away from this folder."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import aezoo
from aezoo import presets

pytestmark = [pytest.mark.one_backend, pytest.mark.package]
pytest.importorskip("build", reason="archives are built with the extra `dev`")

ROOT = Path(__file__).parents[1]


def run(*command, cwd, **environment):
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    # From a copy, so that building leaves nothing in this folder.
    source = tmp_path_factory.mktemp("source")
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("aezoo", "site"):
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    run(sys.executable, "-m", "build", "--outdir", folder, source, cwd=folder)
    return sorted(folder.iterdir())


def test_both_archives_are_complete_and_pass_twine(archives):
    assert [a.name for a in archives] == [
        f"aezoo-{aezoo.__version__}-py3-none-any.whl",
        f"aezoo-{aezoo.__version__}.tar.gz",
    ]
    run(sys.executable, "-m", "twine", "check", "--strict", *archives, cwd=ROOT)
    names = zipfile.ZipFile(archives[0]).namelist()
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "aezoo").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {name for name in names if name.startswith("aezoo/")} == expected
    with tarfile.open(archives[1]) as sdist:
        stems = {name.split("/", 1)[-1] for name in sdist.getnames()}
    assert expected <= stems
    assert sum(path.stat().st_size for path in archives) < 2 * 40e6


def test_the_description_is_true_and_needs_no_repository(archives):
    text = (ROOT / "site" / "package_index.md").read_text()
    with zipfile.ZipFile(archives[0]) as wheel:
        metadata = next(n for n in wheel.namelist() if n.endswith("METADATA"))
        assert text.strip() in wheel.read(metadata).decode()
    assert all(link.startswith("https:") for link in re.findall(r"\]\(([^)]+)", text))
    readme = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(blocks) == 2 and all(block in readme for block in blocks)
    version = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert version[1] == aezoo.__version__


def test_the_wheel_works_in_an_empty_environment(archives, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "empty", cwd=tmp_path)
    python = tmp_path / "empty" / "bin" / "python"
    run(
        *(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--constraint", ROOT / "constraints.txt", archives[0]),
        cwd=tmp_path,
    )
    text = (ROOT / "site" / "package_index.md").read_text()
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.S))
    code += "\nprint(aezoo.__file__, codes.shape, digits.shape)"
    code += "\nprint(*aezoo.list_presets())"
    output = run(python, "-c", code, cwd=tmp_path, PYTHONPATH="")
    shapes, names = output.splitlines()[-2:]
    assert shapes.startswith(str(tmp_path))
    assert shapes.endswith("(10000, 32) (10, 28, 28, 1)")
    assert names.split() == sorted(p.stem for p in presets.FOLDER.glob("*.keras"))
