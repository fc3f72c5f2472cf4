"""Convolutions around a code of 32 numbers beside PCA with as many, for the presets.

The filters of lesson 8 and a common schedule; nothing was tuned.
"""

import aezoo
from benchmarks.common import digit_error as score
from benchmarks.common import digit_pca_error, train
from benchmarks.presets import keep
from benchmarks.reproduce import reproduce

ROW = {
    "lesson": 8,
    "metric": "test error of a convolutional autoencoder with 32 numbers, MNIST",
    "unit": "squared error per image",
    "paper": None,
    "target": None,
    "better": "lower",
    "differs": "The target is the error of PCA with 32 components, fitted to the "
    "training images. 20 epochs of Adam in batches of 128, the rate falling from 2e-3 "
    "along a cosine; nothing was tuned.",
    "preset": {
        "name": "convolutional_mnist",
        "builder": "convolutional_autoencoder",
        "data": "MNIST",
        "what": "Convolutions of 16 and 32 filters to 32 numbers and back, with fewer "
        "weights than the dense net of `undercomplete_mnist`.",
        "bad_at": "New digits: a code drawn at random decodes to no digit. It is "
        "slower on a processor than a dense net.",
    },
}


def measure_target(smoke, folder):
    return digit_pca_error(32, smoke)


def one_seed(smoke, folder):
    (x_train, _), _ = aezoo.datasets.load_mnist()
    if smoke:
        x_train = x_train[:640]
    model = aezoo.convolutional_autoencoder((28, 28, 1), filters=(16, 32))
    train(
        model,
        aezoo.squared_error,
        x_train,
        x_train,
        rate=2e-3,
        epochs=1 if smoke else 20,
        batch_size=128,
        backup=folder / "backup",
    )
    keep(model, folder)
    return score(model, smoke)


if __name__ == "__main__":
    reproduce(ROW, one_seed, measure_target=measure_target, score=score)
