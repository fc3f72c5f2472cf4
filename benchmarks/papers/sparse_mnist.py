"""A small k-sparse autoencoder, for the presets; `k_sparse` has the paper's number.

256 units of which 15 are kept; the builder's other defaults and a common schedule.
Nothing was tuned.
"""

import aezoo
from benchmarks.common import digit_error as score
from benchmarks.common import digit_pca_error, train
from benchmarks.presets import keep
from benchmarks.reproduce import reproduce

ROW = {
    "lesson": 4,
    "metric": "test error of a k-sparse autoencoder, 15 of 256 units kept, MNIST",
    "unit": "squared error per image",
    "paper": None,
    "target": None,
    "better": "lower",
    "differs": "The target is the error of PCA with 15 components, fitted to the "
    "training images: as many numbers, though the net also says which. 40 epochs of "
    "Adam in batches of 256, the rate falling from 2e-3 along a cosine; nothing was "
    "tuned.",
    "preset": {
        "name": "sparse_mnist",
        "builder": "sparse_autoencoder",
        "data": "MNIST",
        "what": "256 units of which the 15 largest are kept for each image: a "
        "dictionary of strokes, a row of the decoder for each unit.",
        "bad_at": "Codes far from those it has seen: turning a unit up past its usual "
        "strength paints over the digit. Units that win rarely are poorly learned.",
    },
}


def measure_target(smoke, folder):
    return digit_pca_error(15, smoke)


def one_seed(smoke, folder):
    (x_train, _), _ = aezoo.datasets.load_mnist()
    if smoke:
        x_train = x_train[:2560]
    model = aezoo.sparse_autoencoder((28, 28, 1), sparsity=aezoo.TopK(15))
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
