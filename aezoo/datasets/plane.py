# SPDX-License-Identifier: Apache-2.0
"""Points in space that lie near a tilted plane: PCA's picture-book case."""

import numpy as np

# The plane that holds the arc: two directions at right angles, tilted in space.
_ACROSS = np.array([2.0, 1.0, 1.0]) / np.sqrt(6.0)
_ALONG = np.array([-1.0, 1.0, 1.0]) / np.sqrt(3.0)


def load_plane(
    num_train: int = 200,
    num_test: int = 200,
    *,
    noise: float = 0.05,
    seed: int = 0,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Draw points along an arc in a tilted plane, with noise in all directions.

    The arc is part of an ellipse with half-axes 1.5 and 0.8, so two numbers describe a
    point up to the noise, and its angle alone nearly does.

    Args:
        num_train: Number of training points, a positive integer.
        num_test: Number of test points, drawn apart from them; a positive integer.
        noise: Standard deviation of the noise in each coordinate, not negative.
        seed: Integer from 0; the same seed gives the same points.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: `x` is float32 of shape `(n, 3)`, with
        coordinates of about -2 to 2 around a mean that is not zero, and `y` is float32
        of shape `(n,)`, the angle along the arc in radians, from -1 to 4.

    Raises:
        ValueError: If a number of points is not a positive integer, if `noise` is
            negative or not finite, or if `seed` is not an integer from 0.

    Example:
        >>> from aezoo import datasets
        >>> (x_train, y_train), (x_test, y_test) = datasets.load_plane()
        >>> x_train.shape, y_train.shape
        ((200, 3), (200,))
    """
    for argument, count in [("num_train", num_train), ("num_test", num_test)]:
        if not isinstance(count, (int, np.integer)) or count < 1:
            raise ValueError(
                f"`{argument}` must be a positive integer. "
                f"Received: {argument}={count!r}"
            )
    if not 0 <= noise < np.inf:
        raise ValueError(
            f"`noise` must be zero or positive, and finite. Received: noise={noise!r}"
        )
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"`seed` must be an integer from 0. Received: seed={seed!r}")
    # Two streams, so that the number of test points does not change the training set.
    train, test = np.random.SeedSequence(seed).spawn(2)
    return _draw(num_train, noise, train), _draw(num_test, noise, test)


def _draw(count, noise, seed):
    rng = np.random.default_rng(seed)
    angle = rng.uniform(-1.0, 4.0, count)
    x = 1.5 * np.cos(angle)[:, None] * _ACROSS + 0.8 * np.sin(angle)[:, None] * _ALONG
    x += rng.normal(0.0, noise, x.shape) + np.array([0.3, -0.2, 0.1])
    return x.astype("float32"), angle.astype("float32")
