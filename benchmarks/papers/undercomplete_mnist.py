"""A plain autoencoder with 32 numbers beside PCA with as many, for the presets.

The builder's defaults and a common schedule; nothing was tuned.
"""

import aezoo
from benchmarks.common import digit_error as score
from benchmarks.common import digit_pca_error, train
from benchmarks.presets import keep
from benchmarks.reproduce import reproduce

ROW = {
    "lesson": 3,
    "metric": "test error of an undercomplete autoencoder with 32 numbers, MNIST",
    "unit": "squared error per image",
    "paper": None,
    "target": None,
    "better": "lower",
    "differs": "The target is the error of PCA with 32 components, fitted to the "
    "training images. 40 epochs of Adam in batches of 256, the rate falling from 2e-3 "
    "along a cosine; nothing was tuned.",
    "preset": {
        "name": "undercomplete_mnist",
        "builder": "undercomplete_autoencoder",
        "data": "MNIST",
        "what": "784-256-32 and back, one hidden layer of ReLUs each way: the plain "
        "autoencoder.",
        "bad_at": "New digits: a code drawn at random decodes to no digit. Its numbers "
        "have no order and no common scale.",
    },
}


def measure_target(smoke, folder):
    return digit_pca_error(32, smoke)


def one_seed(smoke, folder):
    (x_train, _), _ = aezoo.datasets.load_mnist()
    if smoke:
        x_train = x_train[:2560]
    model = aezoo.undercomplete_autoencoder((28, 28, 1))
    train(
        model,
        aezoo.squared_error,
        x_train,
        x_train,
        rate=2e-3,
        epochs=1 if smoke else 40,
        batch_size=256,
        backup=folder / "backup",
    )
    keep(model, folder)
    return score(model)


if __name__ == "__main__":
    reproduce(ROW, one_seed, measure_target=measure_target, score=score)
