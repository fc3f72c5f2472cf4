"""The published numbers are those of the result files, and each script runs."""

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.one_backend

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "benchmarks"
FIELDS = (
    "row metric unit paper target better values mean sd met minutes backend versions "
    "processor commit differs"
).split()
RESULTS = sorted((FOLDER / "results").glob("*.json"))
SCRIPTS = sorted(p for p in (FOLDER / "papers").glob("*.py") if p.stem != "reproduce")


@pytest.fixture(scope="module")
def report(load_script):
    return load_script(FOLDER / "report.py")


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_result_agrees_with_itself(path):
    result = json.loads(path.read_text())
    also = result.pop("also", {})
    assert list(result) == FIELDS
    assert result["row"] == path.stem
    assert (FOLDER / "papers" / f"{path.stem}.py").exists()
    values = result["values"]
    for numbers in (values, *also.values()):
        assert len(numbers) == len(values) and np.isfinite(numbers).all()
    assert result["mean"] == pytest.approx(np.mean(values))
    if len(values) > 1:
        assert result["sd"] == pytest.approx(np.std(values, ddof=1))
    sign = {"higher": 1, "lower": -1}[result["better"]]
    if result["target"] is None:
        assert result["met"] is None
    else:
        assert result["met"] == (sign * (result["mean"] - result["target"]) >= 0)
    assert "dirty" not in result["commit"]


def test_every_script_has_its_place_in_the_tables(report):
    assert {path.stem for path in SCRIPTS} == set(report.ROWS)


@pytest.mark.parametrize("path", ["README.md", "benchmarks/README.md"])
def test_the_tables_are_those_of_the_results(path, report):
    text = (ROOT / path).read_text()
    assert report.with_tables(text, report.load()) == text
    for result in report.load():
        assert report.measured(result) in text


def test_ratios_and_whether_they_are_met_are_those_of_the_seconds(report):
    """Worked out here from the file, by another way than the report's."""
    result = report.measurement("speed")
    for name in ("speed", "scale"):
        assert "dirty" not in report.measurement(name)["commit"]
    text = (FOLDER / "README.md").read_text()
    for words, target, sign, above, below in report.speed_ratios(result):
        ratio = statistics.median(above) / statistics.median(below)
        met = ratio >= target if sign == "≥" else ratio <= target
        line = next(
            line for line in text.splitlines() if line.startswith(f"| {words} ")
        )
        assert f"| {ratio:.2f} |" in line
        assert line.endswith("| yes |" if met else "| **no** |")
    for seconds in result["seconds"].values():
        assert len({len(rounds) for rounds in seconds.values()}) == 1
        assert min(min(rounds) for rounds in seconds.values()) > 0


def test_the_interval_of_a_mean_is_students(report):
    table = report.also_table({"three seeds": [1.0, 2.0, 3.0], "single": [0.5]})
    # The mean 2, the deviation 1: 4.303 / sqrt(3) to either side.
    assert "| three seeds | 2.0 ± 1.0 | -0.48414 to 4.4841 |" in table
    assert "| single | 0.5 | one seed |" in table


# One process for all, since Keras takes longer to import than most of them to run.
RUN_ALL = """
import runpy, sys
scripts = sys.argv[1:]
for sys.argv in ([path, "--smoke"] for path in scripts):
    print(sys.argv[0], flush=True)
    runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.smoke
def test_the_scripts_run_and_leave_nothing():
    before = {p: p.stat().st_mtime_ns for p in FOLDER.rglob("*") if p.is_file()}
    result = subprocess.run(
        [sys.executable, "-B", "-c", RUN_ALL, *SCRIPTS],
        env=os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": FOLDER / "papers"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stdout[-1000:] + result.stderr
    for path in SCRIPTS:
        assert f"{path.stem}: runs" in result.stdout
    after = {p: p.stat().st_mtime_ns for p in FOLDER.rglob("*") if p.is_file()}
    assert after == before


@pytest.mark.smoke
@pytest.mark.parametrize(
    "script, says", [("speed.compare", "speed: runs"), ("scale.stream", "stream: runs")]
)
def test_speed_and_scale_are_measured_by_scripts_that_run(script, says):
    result = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{script}", "--smoke"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stdout[-1000:] + result.stderr
    assert says in result.stdout
