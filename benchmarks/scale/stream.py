"""Train from files that need not fit in memory: `python -m benchmarks.scale.stream`.

Measures how much memory training takes while it reads 100 thousand to 2 million images,
and how its speed compares with that of an array in memory.
"""

import argparse
import glob
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import aezoo
from benchmarks.common import ROOT, provenance, write
from benchmarks.nets import BATCH_SIZE, SIZES
from benchmarks.targets import judged

SHAPE = (28, 28, 1)
BUFFER = 10_000  # images among which the next one is drawn
COUNTS = (100_000, 500_000, 2_000_000)
ROUNDS = 5


def stream(pattern, batch_size, buffer=0, seed=None):
    """Return batches `(x, x)` for `fit`, read from files as they are needed.

    A file holds images of `SHAPE` one after the other, a byte per pixel, and nothing
    else: what `numpy.ndarray.tofile` writes. Batches are all full, since XLA compiles
    anew for another size, and processes can only share a batch that they can divide.

    Args:
        pattern: Such as `"digits/*.bin"`.
        batch_size: Images in a batch.
        buffer: Images to shuffle among, or 0 to keep the order of the files. With a
            buffer the order of the files changes in each epoch, and four are read in
            turns, so that neighbours in a file are no neighbours in training.
        seed: Of the shuffling.

    Raises:
        ValueError: If the files do not hold whole images, or not enough for a batch.
    """
    files = sorted(glob.glob(pattern))
    sizes = {file: os.path.getsize(file) for file in files}
    torn = [file for file, size in sizes.items() if size % math.prod(SHAPE)]
    if torn:
        raise ValueError(
            f"Each file must hold whole images of {math.prod(SHAPE)} bytes. "
            f"Received: {torn[0]} with {sizes[torn[0]]} bytes"
        )
    count = sum(sizes.values()) // math.prod(SHAPE)
    if count < batch_size:
        raise ValueError(
            f"The files must hold at least one batch, {batch_size} images. "
            f"Received: {len(files)} files of {sum(sizes.values())} bytes in all"
        )

    def records(files):
        return tf.data.FixedLengthRecordDataset(files, math.prod(SHAPE))

    def decode(batch):
        pixels = tf.reshape(tf.io.decode_raw(batch, tf.uint8), (batch_size, *SHAPE))
        x = tf.cast(pixels, tf.float32) / 255.0
        return x, x

    if buffer:
        order = tf.data.Dataset.from_tensor_slices(files).shuffle(len(files), seed)
        images = order.interleave(records, cycle_length=4, block_length=16)
        images = images.shuffle(buffer, seed)
    else:
        images = records(files)
    # Of an unknown number, Keras on TensorFlow counts one batch too many in its means.
    images = images.apply(tf.data.experimental.assert_cardinality(count))
    batches = images.batch(batch_size, drop_remainder=True).map(decode)
    # The tuner sleeps for longer and longer, and the end of an epoch waits for it.
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.prefetch(8).with_options(options)


def write_digits(folder, count, images_per_file=50_000):
    """Write the training digits, over and over, until there are `count` of them."""
    (x, _), _ = aezoo.datasets.load_mnist()
    x = np.rint(x * 255).astype("uint8")
    for first in range(0, count, images_per_file):
        chosen = np.arange(first, min(first + images_per_file, count)) % len(x)
        x[chosen].tofile(Path(folder) / f"{first:09d}.bin")


def compiled_model(net="shallow"):
    keras.utils.set_random_seed(0)
    *hidden, codes = SIZES[net]
    model = aezoo.undercomplete_autoencoder(
        SHAPE, latent_dim=codes, hidden_units=hidden
    )
    fast = {"jit_compile": True, "steps_per_execution": 50}
    model.compile("adam", loss=aezoo.squared_error, **fast)
    return model


def peak_memory():
    """Return the most memory that this process has held so far, in megabytes.

    Linux only. `resource.getrusage` will not do: it counts what the parent held, too.
    """
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def memory(pattern):
    """Return the peak after one pass over the files, and what the pass added to it."""
    model = compiled_model()
    batches = stream(pattern, BATCH_SIZE, BUFFER, seed=0)
    # The first batches compile, fill the buffer and start the threads.
    model.fit(batches.take(100), verbose=0)
    before, start = peak_memory(), time.perf_counter()
    model.fit(batches, verbose=0)
    seconds = time.perf_counter() - start
    return {"peak": peak_memory(), "added": peak_memory() - before, "seconds": seconds}


def speed(net, pattern, rounds):
    """Return seconds for the same images from files and from an array, in turns."""
    model = compiled_model(net)
    batches = stream(pattern, BATCH_SIZE, BUFFER, seed=0)
    x = np.concatenate([x for x, _ in batches.as_numpy_iterator()])
    ways = {
        "files": lambda: model.fit(batches, verbose=0),
        "array": lambda: model.fit(x, x, batch_size=BATCH_SIZE, verbose=0),
    }
    seconds = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name in sorted(ways, reverse=number % 2):
            start = time.perf_counter()
            ways[name]()
            if number:  # the first round compiles
                seconds[name].append(time.perf_counter() - start)
    ratio = judged("files", net, seconds["array"], seconds["files"])
    return {"images": len(x), **seconds, "ratio": ratio}


def in_a_process(backend, *task):
    """Run a function of this file in a process of its own; return what it returns."""
    code = (
        "import json, sys; from benchmarks.scale import stream; "
        "name, *arguments = json.loads(sys.argv[1]); "
        "print(json.dumps(getattr(stream, name)(*arguments)))"
    )
    out = subprocess.check_output(
        [sys.executable, "-c", code, json.dumps(task)],
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        text=True,
    )
    return json.loads(out.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="seconds, writes nothing")
    smoke = parser.parse_args().smoke
    # Now, since the code may change while this runs.
    origin = provenance("keras", "tensorflow", "jax", "numpy")
    counts, rounds = ((12_800,), 1) if smoke else (COUNTS, ROUNDS)
    backends = ("jax",) if smoke else ("tensorflow", "jax")
    result = {"memory": {}, "speed": {}}
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            (Path(folder) / str(count)).mkdir()
            write_digits(Path(folder) / str(count), count)
        for backend in backends:
            patterns = [f"{folder}/{count}/*.bin" for count in counts]
            measured = [in_a_process(backend, "memory", p) for p in patterns]
            result["memory"][backend] = dict(
                zip(map(str, counts), measured, strict=True)
            )
            # One file is enough for the deep net, which takes longer.
            one = patterns[0].replace("*", "0" * 9)
            result["speed"][backend] = {}
            for net, pattern in (("shallow", patterns[0]), ("deep", one)):
                m = in_a_process(backend, "speed", net, pattern, rounds)
                result["speed"][backend][net] = m
                ratio = m["ratio"]["measured"]
                print(f"{backend}, {net}: files {ratio:.3f} of an array", flush=True)
    if smoke:
        print("stream: runs")
        return
    write(Path(__file__).parent / "result.json", {**result, **origin})


if __name__ == "__main__":
    main()
