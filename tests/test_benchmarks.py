"""The published numbers are those of the result files, and each script runs."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import report
from benchmarks.speed import compare
from benchmarks.targets import TARGETS, judged

pytestmark = pytest.mark.one_backend

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "benchmarks"
FIELDS = (
    "lesson metric unit paper target better values mean sd met minutes backend "
    "versions processor commit differs"
).split()
RESULTS = sorted((FOLDER / "results").glob("*.json"))
ROWS = sorted(p.stem for p in (FOLDER / "papers").glob("[!_]*.py"))


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_result_agrees_with_itself(path):
    result = json.loads(path.read_text())
    also = result.pop("also", {})
    preset = result.pop("preset", None)
    assert list(result) == FIELDS
    if preset:
        module = importlib.import_module(f"benchmarks.papers.{path.stem}")
        described = module.ROW["preset"]
        assert {key: preset[key] for key in described} == described
        assert preset["stored"] in ("float16", "float32")
    script = (FOLDER / "papers" / f"{path.stem}.py").read_text()
    assert f'"lesson": {result["lesson"]},' in script
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


def test_the_rows_come_in_the_order_of_the_lessons():
    rows = report.load()
    assert [row["lesson"] for row in rows] == sorted(row["lesson"] for row in rows)
    assert {row["name"] for row in rows} == {path.stem for path in RESULTS}


@pytest.mark.parametrize("path", ["README.md", "benchmarks/README.md"])
def test_the_tables_are_those_of_the_results(path):
    text = (ROOT / path).read_text()
    assert report.with_tables(text, report.load()) == text
    for result in report.load():
        short = path == "README.md" and report.made_for_presets(result)
        assert short or report.measured(result) in text


def test_a_ratio_is_one_of_medians():
    ratio = judged("jax", "shallow", [9.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    assert ratio["what"] == "shallow: JAX over the PyTorch loop"
    assert (ratio["measured"], ratio["half"]) == (1.5, [1.25, 3.0])
    for target in TARGETS:
        _, better, bound = TARGETS[target]
        assert judged(target, "", [bound], [1.0])["met"]
        assert judged(target, "", [2 * bound], [1.0])["met"] == (better == "higher")
        assert judged(target, "", [bound], [2.0])["met"] == (better == "lower")


def test_speed_and_scale_are_judged_by_their_seconds():
    speed, scale = (report.measurement(name) for name in ("speed", "scale"))
    assert "dirty" not in speed["commit"] + scale["commit"]
    assert speed["ratios"] == compare.ratios(speed["seconds"], speed["images"])
    for seconds in speed["seconds"].values():
        assert len({len(rounds) for rounds in seconds.values()}) == 1
        assert min(min(rounds) for rounds in seconds.values()) > 0
    for nets in scale["speed"].values():
        for net, m in nets.items():
            assert m["ratio"] == judged("files", net, m["array"], m["files"])


def test_the_interval_of_a_mean_is_students():
    table = report.also_table({"three seeds": [1.0, 2.0, 3.0], "single": [0.5]})
    # The mean 2, the deviation 1: 4.303 / sqrt(3) to either side.
    assert "| three seeds | 2.0 ± 1.0 | -0.48414 to 4.4841 |" in table
    assert "| single | 0.5 | one seed |" in table


def test_the_presenter_loads_no_models():
    code = (
        "import sys; from benchmarks import report; "
        "assert not {'keras', 'aezoo'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


# One process for all, since Keras takes longer to import than most of them to run.
RUN_ALL = """
import runpy, sys
rows = sys.argv[1:]
for row in rows:
    sys.argv[1:] = ["--smoke"]
    runpy.run_module(f"benchmarks.papers.{row}", run_name="__main__", alter_sys=True)
"""


@pytest.mark.smoke
def test_the_scripts_run_and_leave_nothing():
    before = {p: p.stat().st_mtime_ns for p in FOLDER.rglob("*") if p.is_file()}
    result = subprocess.run(
        [sys.executable, "-B", "-c", RUN_ALL, *ROWS],
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert result.returncode == 0, result.stdout[-1000:] + result.stderr
    for row in ROWS:
        assert f"{row}: runs" in result.stdout
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
