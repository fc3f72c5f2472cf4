# SPDX-License-Identifier: Apache-2.0
"""The AT&T "Database of Faces": 40 people, 10 pictures of each, bundled at 64 x 64."""

from importlib import resources

import numpy as np


def load_faces(
    *, size: int = 64, test_people: int = 10
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Load the 400 faces, split so that nobody is in both training and test set.

    A model tested on other pictures of the people it was trained on only has to
    remember them. Here the test set shows people it has never seen.

    Args:
        size: Height and width in pixels: 64 as bundled, or a divisor of it, such as
            32, for means over squares of pixels.
        test_people: How many of the 40 people to hold out for the test set, the last
            ones in the database's order; an integer from 1 to 39.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: `x` is float32 in [0, 1] of shape
        `(n, size, size, 1)`, 10 images of each person in turn; `y` is uint8 of shape
        `(n,)`, the number of the person from 0 to 39.

    Raises:
        ValueError: If `size` does not divide 64, or `test_people` is not an integer
            from 1 to 39.

    Example:
        >>> from aezoo import datasets
        >>> (x_train, y_train), (x_test, y_test) = datasets.load_faces(size=32)
        >>> x_train.shape, x_test.shape
        ((300, 32, 32, 1), (100, 32, 32, 1))

    Reference:
        Samaria and Harter, "Parameterisation of a stochastic model for human face
        identification", 1994, doi:10.1109/ACV.1994.341300. Credit for the pictures:
        AT&T Laboratories Cambridge. How they were prepared is told in NOTICE.
    """
    if not isinstance(test_people, (int, np.integer)) or not 1 <= test_people <= 39:
        raise ValueError(
            "`test_people` must be an integer from 1 to 39. "
            f"Received: test_people={test_people!r}"
        )
    if not isinstance(size, (int, np.integer)) or size < 1 or 64 % size:
        raise ValueError(
            f"`size` must be 64 or a divisor of it. Received: size={size!r}"
        )
    bundled = resources.files("aezoo.datasets") / "faces_64x64.npz"
    with bundled.open("rb") as file, np.load(file) as arrays:
        faces, people = arrays["faces"], arrays["people"]
    x = faces[..., np.newaxis].astype("float32") / 255.0
    square = 64 // size  # pixels along the side of what becomes one pixel
    x = x.reshape(-1, size, square, size, square, 1).mean(axis=(2, 4))
    train = people < 40 - test_people
    return (x[train], people[train]), (x[~train], people[~train])
