"""What the rows share: seeds one after the other, an interrupted run that continues.

A row's script describes itself in a dictionary and has one function that trains with
one seed and returns one number. `reproduce` does the rest:

    python benchmarks/papers/linear_pca.py          # writes results/linear_pca.json
    python benchmarks/papers/linear_pca.py --smoke  # seconds, writes nothing

A finished seed is kept in `build/benchmarks/`, and so is a training's last epoch, if
the function passes its folder to `keras.callbacks.BackupAndRestore`. The same command
goes on from there. A changed script starts anew.
"""

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import keras
import numpy as np

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
UNFINISHED = ROOT / "build" / "benchmarks"


def reproduce(row, one_seed, seeds=(0, 1, 2)):
    """Run a row for all seeds and write its JSON.

    Args:
        row: `row`, `metric`, `unit`, `paper`, `target`, `better`, `differs`.
        one_seed: Function of `smoke`, whether seconds should be enough, and `folder`,
            where a training may keep its state; returns the metric, or a dictionary of
            `value` and the `target` that it measured itself. Random numbers are seeded
            when it is called.
        seeds: Integers.
    """
    parser = argparse.ArgumentParser(description=f"{row['row']}: {row['metric']}")
    parser.add_argument("--smoke", action="store_true", help="seconds, writes nothing")
    smoke = parser.parse_args().smoke
    if smoke:
        with tempfile.TemporaryDirectory() as folder:
            keras.utils.set_random_seed(0)
            value = _as_dict(one_seed(smoke=True, folder=Path(folder)))["value"]
        assert np.isfinite(value)
        print(f"{row['row']}: runs")
        return

    version = hashlib.sha256(Path(sys.argv[0]).read_bytes()).hexdigest()[:8]
    finished = []
    for seed in seeds:
        folder = UNFINISHED / f"{row['row']}-{version}-{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        finished.append(_finish(seed, one_seed, folder))
        value = finished[-1]["value"]
        print(f"{row['row']}, seed {seed}: {value:.4f} {row['unit']}", flush=True)
    values = [each["value"] for each in finished]
    minutes = [each["minutes"] for each in finished]

    mean = float(np.mean(values))
    sign = 1 if row["better"] == "higher" else -1
    row = {**row, "target": finished[0].get("target", row["target"])}
    met = sign * mean >= sign * row["target"]
    result = {key: row[key] for key in ("row", "metric", "unit", "paper", "target")}
    result |= {"better": row["better"], "values": values, "mean": mean}
    result |= {"sd": float(np.std(values, ddof=1)) if len(values) > 1 else None}
    result |= {"met": met, "minutes": round(float(np.mean(minutes)), 1)}
    result |= {"backend": keras.backend.backend(), "versions": _versions()}
    result |= {"processor": _processor(), "commit": _commit()}
    result |= {"differs": row["differs"]}
    RESULTS.mkdir(exist_ok=True)
    _write(RESULTS / f"{row['row']}.json", result)


def _finish(seed, one_seed, folder):
    """Return value and minutes of a seed, from its file or by going on with it."""
    state = folder / "state.json"
    known = json.loads(state.read_text()) if state.exists() else {"minutes": 0.0}
    if "value" not in known:
        keras.utils.set_random_seed(seed)
        before, start = known["minutes"], time.perf_counter()
        try:
            known |= _as_dict(one_seed(smoke=False, folder=folder))
        finally:
            known["minutes"] = before + (time.perf_counter() - start) / 60
            _write(state, known)
    return known


def _as_dict(measured):
    measured = measured if isinstance(measured, dict) else {"value": measured}
    return {name: float(value) for name, value in measured.items()}


def _write(path, content):
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(partial, path)


def _versions():
    names = ("keras", keras.backend.backend(), "numpy")
    versions = {name: metadata.version(name) for name in names}
    return {"python": platform.python_version(), **versions}


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line for line in lines if line.startswith("model name"))
        name = name.split(": ", 1)[1]
    except (OSError, StopIteration):
        name = platform.processor()
    return f"{name}, {os.cpu_count()} cores"


def _commit():
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
