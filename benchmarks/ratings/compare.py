"""Recommenders tuned by one search and compared on five splits of the ratings.

    pip install --editable ".[ratings]"  # scikit-surprise, built with a compiler
    KERAS_BACKEND=jax python -m benchmarks.ratings.compare  # an hour
    KERAS_BACKEND=jax python -m benchmarks.papers.autorec_movielens

For each method `TRIES` settings are drawn at random from its ranges. A tenth of the
training ratings of the first split judges them. The best then learns from all training
ratings of each split and predicts that split's test ratings, which nothing has seen.
The row `autorec_movielens` takes the autoencoder's settings from the JSON written here.
"""

import argparse
import json
import time

import keras
import numpy as np

import aezoo
from benchmarks.common import ROOT, provenance, write

RESULT = ROOT / "benchmarks" / "ratings" / "result.json"
SPLITS, TRIES = 5, 30


def rmse(stars, x):
    """Return the root of the mean squared error over the known ratings of `x`."""
    known = np.isfinite(x)
    return float(np.sqrt(np.mean((np.clip(stars[known], 0.5, 5) - x[known]) ** 2)))


def fitted(x, damping, rows, units, decay, activation, rate, epochs, batch_size):
    """Return aezoo's autoencoder, trained on the ratings `x`."""
    _, rest = rest_of(x, damping, rows)
    model = aezoo.recommender_autoencoder(
        rest.shape[1:],
        latent_dim=units,
        activation=activation,
        kernel_regularizer=keras.regularizers.L2(decay),
    )
    model.compile(
        keras.optimizers.Adam(rate),
        loss=aezoo.squared_error_with_gaps,
        steps_per_execution=20,
    )
    model.fit(rest, rest, batch_size=batch_size, epochs=epochs, verbose=0)
    return model


def rest_of(x, damping, rows):
    """Return the baseline of the ratings and what is left, a row a user or a film."""
    baseline = aezoo.rating_baseline(x, damping=damping)
    return baseline, x - baseline if rows == "users" else (x - baseline).T


def autoencoder(x, model=None, **settings):
    """Return a prediction for every cell of `x` by aezoo's autoencoder."""
    rows = settings["rows"]
    baseline, rest = rest_of(x, settings["damping"], rows)
    model = model or fitted(x, **settings)
    predicted = model.predict(rest, batch_size=512, verbose=0)
    return baseline + (predicted if rows == "users" else predicted.T)


def surprise(method, x, asked, **settings):
    """Return the same by a method of scikit-surprise, for the known cells of `asked`.

    Elsewhere it is NaN: for every cell it would take hours.
    """
    import surprise

    pairs = np.argwhere(np.isfinite(x))
    ratings = [(u, f, float(x[u, f]), None) for u, f in pairs.tolist()]
    data = surprise.Dataset(surprise.Reader(rating_scale=(0.5, 5)))
    algorithm = getattr(surprise, method)(**settings)
    algorithm.fit(data.construct_trainset(ratings))
    stars = np.full(x.shape, np.nan)
    for u, f in np.argwhere(np.isfinite(asked)).tolist():
        stars[u, f] = algorithm.predict(u, f).est
    return stars


def draw(method, rng):
    """Return one of the settings that a method is tried with."""

    def between(low, high):  # on a logarithmic scale
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    def one_of(*choices):
        return choices[rng.integers(len(choices))]

    if method == "BaselineOnly":
        ridge = {"reg_u": between(1, 30), "reg_i": between(1, 30), "n_epochs": 20}
        return {"bsl_options": {"method": "als", **ridge}, "verbose": False}
    if method == "KNNBaseline":
        similarity = {
            "name": one_of("msd", "pearson_baseline", "cosine"),
            "user_based": one_of(True, False),
            "shrinkage": one_of(0, 30, 100, 300),
        }
        settings = {"k": one_of(10, 20, 40, 80), "min_k": one_of(1, 2, 4)}
        return {**settings, "sim_options": similarity, "verbose": False}
    if method in ("SVD", "SVDpp"):
        small = method == "SVDpp"
        return {
            "n_factors": one_of(10, 20, 40) if small else one_of(20, 50, 100, 200),
            "n_epochs": one_of(15, 25, 40) if small else one_of(20, 40, 80),
            "lr_all": between(0.002, 0.02),
            "reg_all": between(0.02, 0.2),
            "random_state": 0,
        }
    return {
        "damping": between(1, 10),
        "rows": one_of("films", "users"),
        "units": one_of(50, 100, 200, 400),
        "decay": between(0.002, 0.05),
        "activation": one_of("sigmoid", "tanh", "relu"),
        "rate": between(3e-4, 3e-3),
        "epochs": one_of(10, 20, 40),
        "batch_size": one_of(32, 64, 128),
    }


def predict(method, x, asked, settings):
    """Return what a method that has learned from `x` predicts for cells of `asked`."""
    if method == "autoencoder":
        keras.utils.set_random_seed(0)
        return autoencoder(x, **settings)
    return surprise(method, x, asked, **settings)


def hold_out(x, share, seed):
    """Return two tables, the known ratings of `x` without a share, and that share."""
    cells = np.argwhere(np.isfinite(x))
    chosen = np.random.default_rng(seed).permutation(len(cells))
    rows, columns = cells[chosen[: round(share * len(cells))]].T
    kept, held = x.copy(), np.full_like(x, np.nan)
    held[rows, columns], kept[rows, columns] = x[rows, columns], np.nan
    return kept, held


def search(method, x):
    """Return the settings that predict a tenth of the ratings best, and their error."""
    kept, held = hold_out(x, 0.1, seed=0)
    rng, found = np.random.default_rng(0), []
    for number in range(TRIES):
        settings, start = draw(method, rng), time.perf_counter()
        error = rmse(predict(method, kept, held, settings), held)
        found.append((error, number, settings))
        seconds = time.perf_counter() - start
        print(f"{method} {number}: {error:.4f}, {seconds:.0f} s", flush=True)
    error, _, settings = min(found)
    return settings, error


METHODS = ("BaselineOnly", "KNNBaseline", "SVD", "SVDpp", "autoencoder")


def main():
    """Search for each method, test it, and write the JSON after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    methods = parser.parse_args().methods
    made_by = provenance("keras", keras.backend.backend(), "numpy", "scikit-surprise")
    (first, _), _ = aezoo.datasets.load_ratings(seed=0)

    for method in methods:
        settings, error = search(method, first)
        measured = {"chosen": settings, "validation": error, "tries": TRIES}
        if method != "autoencoder":  # that is the row's own business
            measured["test"] = []
            for seed in range(SPLITS):
                (x_train, x_test), _ = aezoo.datasets.load_ratings(seed=seed)
                stars = predict(method, x_train, x_test, settings)
                measured["test"].append(rmse(stars, x_test))
        known = {} if not RESULT.exists() else json.loads(RESULT.read_text())
        known.setdefault("methods", {})[method] = {**measured, **made_by}
        write(RESULT, known)
        print(f"{method}: {measured}", flush=True)


if __name__ == "__main__":
    main()
