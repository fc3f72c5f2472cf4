"""Train the same nets in several libraries, side by side: `make speed`.

All contenders are started, and prepare and warm up a net each before it is timed. Then
every round asks one after the other, in an order that turns around, so that what slows
the machine for a while slows all of them. What counts is the median over rounds, and
ratios of medians; nothing is compared between runs.
"""

import argparse
import importlib.util
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.common import ROOT, provenance, write
from benchmarks.nets import MATRIX, SIZES, WIDTHS
from benchmarks.targets import judged

ROUNDS = 9
CONTENDERS = {  # name: module, its argument, Keras backend, library
    "Keras on TensorFlow, default": ("keras_fit", "default", "tensorflow", "keras"),
    "Keras on TensorFlow, tuned": ("keras_fit", "tuned", "tensorflow", "keras"),
    "Keras on JAX": ("keras_fit", "default", "jax", "jax"),
    "PyTorch loop": ("torch_loop", "", "torch", "torch"),
    "pythae": ("pythae_trainer", "", "torch", "pythae"),
}
DEFAULT, TUNED, JAX, LOOP, PYTHAE = CONTENDERS
# Images for a second or two of training, so that the turns are short.
IMAGES = {
    "shallow": 51_200,
    "deep": 12_800,
    "contractive": 25_600,
    "without penalty": 25_600,
    "variational": 25_600,
    "convolutional": 6400,
    "autodiff": 384,
}
DOUBLINGS = {  # what is doubled: the values, and (net, images, epochs) of each
    "images": {n: ("shallow", n, 1) for n in (6400, 12_800, 25_600, 51_200)},
    "epochs": {n: ("shallow", 12_800, n) for n in (1, 2, 4, 8)},
    "width": {n: (f"width-{n}", 12_800, 1) for n in WIDTHS},
}
PRODUCTS = 5  # of matrices, in a task


def operations(net):
    """Multiplications and additions of a training step, for one image.

    Counted from the sizes of the layers: each weight's product forwards, and two
    backwards, but for the first layer, whose input needs no gradient.
    """
    if net == "convolutional":
        one, two, codes = SIZES[net]
        first = 14 * 14 * 9 * one
        dense = two * 7 * 7 * codes
        encoder = first + 7 * 7 * 9 * one * two + dense
        decoder = dense + 14 * 14 * 9 * two * one + 28 * 28 * 9 * one
        return 6 * (encoder + decoder) - 2 * first
    sizes = (784, *SIZES[net])
    both = 2 * sum(a * b for a, b in itertools.pairwise(sizes))
    if net == "variational":
        both += sizes[-2] * sizes[-1]  # the log-variances
    return 6 * both - 2 * sizes[0] * sizes[1]


def has(contender, net):
    """Whether a contender is to train a net."""
    if net == "autodiff":
        return contender in (DEFAULT, JAX)
    lacking = ("matrices", "contractive", "without penalty")
    return contender != PYTHAE or net not in lacking


def start(contender):
    module, argument, backend, _ = CONTENDERS[contender]
    environment = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.speed.{module}", *argument.split()],
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def ask(process, net, images, epochs=1):
    task = json.dumps({"net": net, "images": images, "epochs": epochs})
    print(task, file=process.stdin, flush=True)
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args} ended at {net}")
    return json.loads(line)


def compare(processes, net, images, rounds, epochs=1):
    """Return seconds, a list over rounds, for each contender that has the net."""
    asked = [name for name in processes if has(name, net)]
    # The first epoch compiles. It also tells whether all train the same thing.
    warm = {name: ask(processes[name], net, images) for name in asked}
    assert len({reply["weights"] for reply in warm.values()}) == 1, warm
    losses = [reply["loss"] for name, reply in warm.items() if name != PYTHAE]
    assert min(losses) > 0.9 * max(losses) or net == "matrices", warm
    seconds = {name: [] for name in asked}
    for number in range(rounds):
        for name in asked if number % 2 else reversed(asked):
            reply = ask(processes[name], net, images, epochs)
            assert np.isfinite(reply["loss"]), (name, net)
            seconds[name].append(round(reply["seconds"], 5))
    medians = {name: f"{np.median(s):.3f} s" for name, s in seconds.items()}
    print(net, images, epochs, medians, flush=True)
    return seconds


def ratios(seconds, images):
    """Return the judged ratios of a measurement, a list of dictionaries."""
    s, dense = seconds, ("shallow", "deep", "contractive", "variational")
    vae, contractive, plain = s["variational"], s["contractive"], s["without penalty"]
    # Of fewer images: it is slow.
    share = images["contractive"] / images["autodiff"]
    autodiff = {name: np.multiply(share, s["autodiff"][name]) for name in s["autodiff"]}
    return [
        *(judged("jax", net, s[net][LOOP], s[net][JAX]) for net in dense),
        *(
            judged("tuned", net, s[net][LOOP], s[net][TUNED])
            for net in (*dense, "convolutional")
        ),
        *(judged("pythae", name, vae[PYTHAE], vae[name]) for name in (TUNED, JAX)),
        *(
            judged("penalty", name, contractive[name], plain[name])
            for name in (DEFAULT, TUNED, JAX)
        ),
        *(
            judged("autodiff", name, autodiff[name], contractive[name])
            for name in autodiff
        ),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="seconds, writes nothing")
    smoke = parser.parse_args().smoke

    rounds = 1 if smoke else ROUNDS
    libraries = {name: library for name, (*_, library) in CONTENDERS.items()}
    if smoke:
        del libraries[DEFAULT]  # takes most of a minute to compile a Jacobian
    absent = [n for n, lib in libraries.items() if not importlib.util.find_spec(lib)]
    if absent and not smoke:
        parser.error(f"not installed: {', '.join(absent)}")
    if not smoke:  # now, since the code may change while this runs
        packages = ("jax", "keras", "numpy", "pythae", "tensorflow", "torch")
        origin = provenance(*packages)
    processes = {name: start(name) for name in libraries if name not in absent}
    images = {net: 256 if smoke else count for net, count in IMAGES.items()}
    try:
        peak = compare(processes, "matrices", 0, rounds, epochs=PRODUCTS)
        seconds = {
            net: compare(processes, net, count, rounds) for net, count in images.items()
        }
        jax = {JAX: processes[JAX]}
        doublings = {}
        for what, tasks in DOUBLINGS.items():
            doublings[what] = []
            for value, (net, count, epochs) in list(tasks.items())[: 1 if smoke else 4]:
                count = 256 if smoke else count
                measured = compare(jax, net, count, rounds, epochs)[JAX]
                doublings[what].append([value, measured])
    finally:
        for process in processes.values():
            process.kill()
    if smoke:
        print("speed: runs")
        return
    result = {
        "images": images,
        "operations": {net: operations(net) for net in images if net != "autodiff"},
        "seconds": seconds,
        "ratios": ratios(seconds, images),
        "matrix": MATRIX,
        "products": PRODUCTS,
        "matrices": peak,
        "doublings": doublings,
        **origin,
    }
    write(Path(__file__).parent / "result.json", result)


if __name__ == "__main__":
    main()
