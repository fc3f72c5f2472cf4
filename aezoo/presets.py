# SPDX-License-Identifier: Apache-2.0
"""Trained models by name: `load_preset("variational_mnist")`.

The files lie in the folder `presets` beside this one, in Keras' own format, each with
a card that says what it is, its number, and what it is bad at. Weights are stored in
half precision where that costs less than a thousandth of the number; loaded, they are
float32.
"""

import hashlib
from pathlib import Path

import keras

FOLDER = Path(__file__).parent / "presets"


def list_presets() -> list[str]:
    """Return the names that `load_preset` knows, in alphabetical order.

    Example:
        >>> import aezoo
        >>> "linear_mnist" in aezoo.list_presets()
        True
    """
    return sorted(_hashes())


def load_preset(name: str) -> keras.Model:
    """Load a trained model that comes with the package.

    Nothing is downloaded and no code is run from the file, whose SHA-256 is checked
    before it is read. On TensorFlow, JAX and PyTorch.

    Args:
        name: One of `list_presets()`, such as `"variational_mnist"`. What it was
            trained on, and in which range its inputs must lie, stands on its card,
            `aezoo/presets/<name>.md`: images with pixels in [0, 1] but for films and
            words.

    Returns:
        An uncompiled `keras.Model` with the layers `"encoder"` and `"decoder"`, as its
        builder returns it. The two classifiers are models from images to the odds of
        ten digits.

    Raises:
        ValueError: If there is no preset of this name.
        OSError: If its file is missing or damaged.

    Example:
        >>> import aezoo, numpy as np
        >>> model = aezoo.load_preset("linear_mnist")
        >>> x = np.zeros((5, 28, 28, 1), "float32")  # five black images
        >>> model.get_layer("encoder").predict(x, verbose=0).shape
        (5, 30)
    """
    hashes = _hashes()
    if name not in hashes:
        raise ValueError(
            f"`name` should be one of {', '.join(sorted(hashes))}. Received: {name!r}"
        )
    path = FOLDER / f"{name}.keras"
    if hashlib.sha256(_read(path)).hexdigest() != hashes[name]:
        raise OSError(
            f"The preset {name!r} is damaged: {path} does not have the SHA-256 that "
            f"{FOLDER / 'SHA256SUMS'} gives. Install aezoo again."
        )
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def _hashes():
    lines = _read(FOLDER / "SHA256SUMS").decode().splitlines()
    pairs = (line.split() for line in lines)
    return {file.removesuffix(".keras"): digest for digest, file in pairs}


def _read(path):
    try:
        return path.read_bytes()
    except OSError as error:
        raise OSError(
            f"A preset cannot be read, {path}: {error.strerror}. Install aezoo again."
        ) from error
