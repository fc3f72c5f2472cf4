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


def reproduce(row, one_seed, seeds=(0, 1, 2), measure_target=None):
    """Run a row for all seeds and write its JSON.

    Args:
        row: `row`, `metric`, `unit`, `paper`, `target`, `better`, `differs`.
        one_seed: Function of `smoke`, whether seconds should be enough, and `folder`,
            where a training may keep its state; returns the metric. Random numbers are
            seeded when it is called.
        seeds: Integers.
        measure_target: A function like `one_seed`, called once, if the target has to
            be measured; None if `row` has it.
    """
    parser = argparse.ArgumentParser(description=f"{row['row']}: {row['metric']}")
    parser.add_argument("--smoke", action="store_true", help="seconds, writes nothing")
    if parser.parse_args().smoke:
        with tempfile.TemporaryDirectory() as folder:
            keras.utils.set_random_seed(0)
            for measure in filter(None, (measure_target, one_seed)):
                assert np.isfinite(measure(smoke=True, folder=Path(folder)))
        print(f"{row['row']}: runs")
        return

    version = hashlib.sha256(Path(sys.argv[0]).read_bytes()).hexdigest()[:8]
    unfinished = UNFINISHED / f"{row['row']}-{version}"
    if measure_target:
        target = _finish(measure_target, 0, unfinished / "target")["value"]
        row = {**row, "target": target}
    finished = []
    for seed in seeds:
        finished.append(_finish(one_seed, seed, unfinished / str(seed)))
        value = finished[-1]["value"]
        print(f"{row['row']}, seed {seed}: {value:.4f} {row['unit']}", flush=True)

    values = [each["value"] for each in finished]
    mean = float(np.mean(values))
    sign = 1 if row["better"] == "higher" else -1
    result = {
        **{key: value for key, value in row.items() if key != "differs"},
        "values": values,
        "mean": mean,
        "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "met": sign * mean >= sign * row["target"],
        "minutes": round(float(np.mean([each["minutes"] for each in finished])), 1),
        "backend": keras.backend.backend(),
        "versions": _versions(),
        "processor": _processor(),
        "commit": _commit(),
        "differs": row["differs"],
    }
    RESULTS.mkdir(exist_ok=True)
    _write(RESULTS / f"{row['row']}.json", result)


def _finish(measure, seed, folder):
    """Return what is measured and its minutes, from the folder or by going on there."""
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / "state.json"
    known = json.loads(state.read_text()) if state.exists() else {"minutes": 0.0}
    if "value" not in known:
        keras.utils.set_random_seed(seed)
        before, start = known["minutes"], time.perf_counter()
        try:
            known["value"] = float(measure(smoke=False, folder=folder))
        finally:
            known["minutes"] = before + (time.perf_counter() - start) / 60
            _write(state, known)
    return known


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
    # Results and tables may have changed since: they did not make the number.
    code = ["git", "diff", "--quiet", "HEAD", "--", "aezoo", "benchmarks/papers"]
    dirty = subprocess.run(code, cwd=ROOT).returncode != 0
    head = subprocess.check_output(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, text=True
    )
    return head.strip() + ("-dirty" if dirty else "")
