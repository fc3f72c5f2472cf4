"""What the rows share: one seed after the other, interrupted runs that go on, batches.

A row's script describes itself in a dictionary and has one function that trains with
one seed and returns what was measured. `reproduce` does the rest:

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
    """Run a row for all seeds and write its JSON, anew after each seed.

    Args:
        row: `row`, `metric`, `unit`, `paper`, `target`, `better`, `differs`; `paper`
            and `target` may be None.
        one_seed: Function of `smoke`, whether seconds should be enough, and `folder`,
            where a training may keep its state; returns the metric, or a dictionary
            of named numbers of which the first is the metric. Random numbers are
            seeded when it is called.
        seeds: Integers.
        measure_target: A function like `one_seed` that returns one number, called
            once, if the target has to be measured; None if `row` has it.
    """
    parser = argparse.ArgumentParser(description=f"{row['row']}: {row['metric']}")
    parser.add_argument("--smoke", action="store_true", help="seconds, writes nothing")
    if parser.parse_args().smoke:
        with tempfile.TemporaryDirectory() as folder:
            keras.utils.set_random_seed(0)
            for measure in filter(None, (measure_target, one_seed)):
                measured = _named(measure(smoke=True, folder=Path(folder)))
                assert np.isfinite(list(measured.values())).all()
        print(f"{row['row']}: runs")
        return

    # Now, since the code may change while this runs. Results and tables may have
    # changed since the commit: they did not make the number.
    head = commit("aezoo", "benchmarks/papers")
    version = hashlib.sha256(Path(sys.argv[0]).read_bytes()).hexdigest()[:8]
    unfinished = UNFINISHED / f"{row['row']}-{version}"
    if measure_target:
        measured, _ = _finish(measure_target, 0, unfinished / "target")
        row = {**row, "target": measured["metric"]}
    finished = []
    for seed in seeds:
        finished.append(_finish(one_seed, seed, unfinished / str(seed)))
        _write_result(row, finished, head)
        value = next(iter(finished[-1][0].values()))
        print(f"{row['row']}, seed {seed}: {value:.4f} {row['unit']}", flush=True)


def _write_result(row, finished, head):
    measured, minutes = zip(*finished, strict=True)
    columns = {name: [each[name] for each in measured] for name in measured[0]}
    values = columns.pop(next(iter(columns)))
    mean, target = float(np.mean(values)), row["target"]
    sign = 1 if row["better"] == "higher" else -1
    result = {
        **{key: value for key, value in row.items() if key != "differs"},
        "values": values,
        "mean": mean,
        "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        **({"also": columns} if columns else {}),
        "met": None if target is None else sign * mean >= sign * target,
        "minutes": round(float(np.mean(minutes)), 1),
        "backend": keras.backend.backend(),
        "versions": versions("keras", keras.backend.backend(), "numpy"),
        "processor": processor(),
        "commit": head,
        "differs": row["differs"],
    }
    RESULTS.mkdir(exist_ok=True)
    write(RESULTS / f"{row['row']}.json", result)


def _finish(measure, seed, folder):
    """Return named numbers and minutes, from the folder or by going on there."""
    folder.mkdir(parents=True, exist_ok=True)
    state = folder / "state.json"
    known = json.loads(state.read_text()) if state.exists() else {"minutes": 0.0}
    if "measured" not in known:
        keras.utils.set_random_seed(seed)
        before, start = known["minutes"], time.perf_counter()
        try:
            known["measured"] = _named(measure(smoke=False, folder=folder))
        finally:
            known["minutes"] = before + (time.perf_counter() - start) / 60
            write(state, known)
    return known["measured"], known["minutes"]


def _named(measured):
    named = measured if isinstance(measured, dict) else {"metric": measured}
    return {name: float(value) for name, value in named.items()}


def write(path, content):
    """Write JSON at once or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(partial, path)


def versions(*names):
    """Return the versions of Python and of installed packages."""
    return {
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in names},
    }


def processor():
    """Return the processor's name and the cores that this process was given."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line for line in lines if line.startswith("model name"))
        name = name.split(": ", 1)[1]
    except (OSError, StopIteration):
        name = platform.processor()
    # A process may have been given fewer cores than there are.
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count()
    return f"{name}, {cores} core{'s' if cores > 1 else ''}"


def commit(*paths):
    """Return the commit at hand, "-dirty" if `paths` differ from it."""
    code = ["git", "diff", "--quiet", "HEAD", "--", *paths]
    dirty = subprocess.run(code, cwd=ROOT).returncode != 0
    head = subprocess.check_output(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, text=True
    )
    return head.strip() + ("-dirty" if dirty else "")


class ChangedAfresh(keras.utils.PyDataset):
    """Batches of `change(x)`, in a new order and changed again in each epoch."""

    def __init__(self, x, batch_size, change):
        super().__init__()
        self.x, self.batch_size, self.change = x, batch_size, change
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self.x) // self.batch_size)

    def on_epoch_end(self):
        """Choose a new order."""
        self.order = np.random.permutation(len(self.x))

    def __getitem__(self, index):
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        batch = self.change(self.x[chosen])
        return batch, batch


def shift(x):
    """Return digits, `(n, 28, 28, 1)`, each moved by up to one pixel to all sides."""
    # The borders of digits are empty, so that rolling them shifts them.
    moves = np.random.randint(-1, 2, (len(x), 2))
    return np.stack([np.roll(*each, (0, 1)) for each in zip(x, moves, strict=True)])


def toss(x, seed=None):
    """Return binary images, `(n, 28, 28, 1)`, whose pixels are 1 with odds `x`."""
    rng = np.random.default_rng(np.random.randint(2**31) if seed is None else seed)
    return (rng.random(x.shape, dtype="float32") < x).astype("float32")
