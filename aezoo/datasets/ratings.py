# SPDX-License-Identifier: Apache-2.0
"""MovieLens latest-small: 100,004 ratings of films, bundled under terms of its own.

The terms are in the folder `movielens_small` beside this file. They are not those of
the code: no commercial use without permission.
"""

from importlib import resources

import numpy as np


def load_ratings(
    *, test_fraction: float = 0.1, seed: int = 0
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Load who gave which film how many stars, as tables that are mostly gaps.

    Each rating is in one of two tables of the same shape, training or test, drawn at
    random; everywhere else both are NaN. The data are for research and teaching, not
    for commercial use: see Terms.

    Args:
        test_fraction: Which share of the ratings to hold out, from 0 to below 1,
            rounded to whole ratings.
        seed: Integer from 0; the same seed holds out the same ratings.

    Returns:
        `(x_train, x_test), films`: `x_train` and `x_test` are float32 of shape
        `(671, 9066)`, a row for each user and a column for each film, in stars from
        0.5 to 5 in steps of a half, NaN where there is no rating. Transpose them for
        a row for each film. `films` is a structured array `(9066,)` with the fields
        `title`, `year` (0 where unknown), `genres` (joined by "|", perhaps empty) and
        `movie_id`, MovieLens' own number.

    Raises:
        ValueError: If `test_fraction` is not from 0 to below 1, or `seed` is not an
            integer from 0.

    Example:
        >>> import numpy as np
        >>> from aezoo import datasets
        >>> (x_train, x_test), films = datasets.load_ratings()
        >>> int(np.isfinite(x_train).sum()), int(np.isfinite(x_test).sum())
        (90004, 10000)
        >>> str(films["title"][0]), int(films["year"][0])
        ('Toy Story', 1995)

    Terms:
        Of GroupLens, University of Minnesota; in our words in
        `aezoo/datasets/movielens_small/TERMS.md`. In short: for research, to be
        acknowledged, to be passed on under the same terms only, and no commercial use
        without permission.

    Reference:
        Harper and Konstan, "The MovieLens Datasets: History and Context", ACM
        Transactions on Interactive Intelligent Systems 5(4), 2015,
        doi:10.1145/2827872.
    """
    if not 0 <= test_fraction < 1:
        raise ValueError(
            "`test_fraction` must be from 0 to below 1. "
            f"Received: test_fraction={test_fraction!r}"
        )
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"`seed` must be an integer from 0. Received: seed={seed!r}")
    bundled = resources.files("aezoo.datasets") / "movielens_small" / "ratings.npz"
    with bundled.open("rb") as file, np.load(file) as arrays:
        user, film, stars = arrays["user"], arrays["movie"], arrays["half_stars"] / 2
        fields = {
            "title": np.char.decode(arrays["title"], "utf-8"),
            "year": arrays["year"],
            "genres": np.char.decode(arrays["genres"], "utf-8"),
            "movie_id": arrays["movie_id"],
        }
    films = np.empty(len(fields["title"]), [(k, v.dtype) for k, v in fields.items()])
    for name, values in fields.items():
        films[name] = values

    order = np.random.default_rng(seed).permutation(len(stars))
    test, train = np.split(order, [round(test_fraction * len(stars))])
    tables = []
    for part in (train, test):
        table = np.full((int(user.max()) + 1, len(films)), np.nan, "float32")
        table[user[part], film[part]] = stars[part]
        tables.append(table)
    return tuple(tables), films
