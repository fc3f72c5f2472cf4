"""The frame of a row of papers/: one seed after the other, runs that go on.

A row's script describes itself in a dictionary and has one function that trains with
one seed and returns what was measured. Its name is that of its file. `reproduce` does
the rest:

    python -m benchmarks.papers.linear_pca          # writes results/linear_pca.json
    python -m benchmarks.papers.linear_pca --smoke  # seconds, writes nothing

A finished seed is kept in `build/benchmarks/`, and so is a training's last epoch, if
the function passes its folder to `train`. The same command goes on from there. A
changed script starts anew.
"""

import argparse
import hashlib
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from benchmarks import common
from benchmarks.presets import publish

RESULTS = common.ROOT / "benchmarks" / "results"
UNFINISHED = common.ROOT / "build" / "benchmarks"


def reproduce(row, one_seed, seeds=(0, 1, 2), measure_target=None, score=None):
    """Run the row that was started for all seeds and write its JSON after each seed.

    Args:
        row: `lesson`, `metric`, `unit`, `paper`, `target`, `better`, `differs`; `paper`
            and `target` may be None. If the first seed's net goes into the package,
            `preset`: its `name`, `builder` and `data`, `what` it is and `bad_at`; also
            `metric`, `unit` and `better` if its card has another number than the row.
        one_seed: Function of `smoke`, whether seconds should be enough, and `folder`,
            where a training may keep its state and whose name is the seed; returns the
            metric, or a dictionary of named numbers of which the first is the metric.
            Random numbers are seeded when it is called.
        seeds: Integers.
        measure_target: A function like `one_seed` that returns one number, called
            once, if the target has to be measured; None if `row` has it.
        score: Function of a model that `one_seed` has given to `presets.keep`, and of
            `smoke`; returns the number on its card. None if `row` has no preset.
    """
    script = Path(sys.argv[0])
    name = script.stem
    parser = argparse.ArgumentParser(description=f"{name}: {row['metric']}")
    parser.add_argument("--smoke", action="store_true", help="seconds, writes nothing")
    if parser.parse_args().smoke:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary, "0")
            folder.mkdir()
            keras.utils.set_random_seed(0)
            for measure in filter(None, (measure_target, one_seed)):
                measured = _named(measure(smoke=True, folder=folder))
                assert np.isfinite(list(measured.values())).all()
            if score:
                kept = keras.saving.load_model(folder / "preset.keras", compile=False)
                assert np.isfinite(score(kept, smoke=True))
        print(f"{name}: runs")
        return

    # Now, since the code may change while this runs.
    provenance = common.provenance("keras", keras.backend.backend(), "numpy")
    code = script.read_bytes() + Path(common.__file__).read_bytes()
    unfinished = UNFINISHED / f"{name}-{hashlib.sha256(code).hexdigest()[:8]}"
    if measure_target:
        measured, _ = _finish(measure_target, 0, unfinished / "target")
        row = {**row, "target": measured["metric"]}
    finished = []
    for seed in seeds:
        finished.append(_finish(one_seed, seed, unfinished / str(seed)))
        if score and len(finished) == 1:
            row = {**row, "preset": publish(row, score, unfinished / str(seed))}
        RESULTS.mkdir(exist_ok=True)
        result = _result(row, finished, provenance)
        common.write(RESULTS / f"{name}.json", result)
        value = result["values"][-1]
        print(f"{name}, seed {seed}: {value:.4f} {row['unit']}", flush=True)


def _result(row, finished, provenance):
    measured, minutes = zip(*finished, strict=True)
    columns = {name: [each[name] for each in measured] for name in measured[0]}
    values = columns.pop(next(iter(columns)))
    mean, target = float(np.mean(values)), row["target"]
    sign = 1 if row["better"] == "higher" else -1
    return {
        **{k: v for k, v in row.items() if k not in ("differs", "preset")},
        "values": values,
        "mean": mean,
        "sd": statistics.stdev(values) if len(values) > 1 else None,
        **({"also": columns} if columns else {}),
        "met": None if target is None else sign * mean >= sign * target,
        "minutes": round(float(np.mean(minutes)), 1),
        "backend": keras.backend.backend(),
        **provenance,
        "differs": row["differs"],
        **({"preset": row["preset"]} if "preset" in row else {}),
    }


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
            common.write(state, known)
    return known["measured"], known["minutes"]


def _named(measured):
    named = measured if isinstance(measured, dict) else {"metric": measured}
    return {name: float(value) for name, value in named.items()}
