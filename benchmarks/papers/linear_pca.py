"""A linear autoencoder reaches PCA's error: calibration of every other row.

30 numbers, MNIST, from random weights. The schedule was chosen on the last 10,000
training images; the test images are used once, at the end.
"""

import aezoo
from benchmarks.common import digit_error as score
from benchmarks.common import train
from benchmarks.presets import keep
from benchmarks.reproduce import reproduce

ROW = {
    "lesson": 2,
    "metric": "test error of a linear autoencoder with 30 numbers, MNIST",
    "unit": "squared error per image",
    "paper": 13.866,
    "target": 13.880,
    "better": "lower",
    "differs": "The reference is not a paper's but PCA's own error, computed exactly "
    "(Baldi and Hornik 1989 prove that the two agree). The target is 0.1 % above it.",
    "preset": {
        "name": "linear_mnist",
        "builder": "linear_autoencoder",
        "data": "MNIST",
        "what": "One linear layer to 30 numbers and one back: the principal "
        "components of the digits, up to a mixing of the 30.",
        "bad_at": "Fine strokes, which it blurs, and anything that is not added up "
        "from whole-image patterns. Its numbers are not sorted by variance and not "
        "uncorrelated; its output can leave [0, 1].",
    },
}


def one_seed(smoke, folder):
    (x_train, _), (x_test, _) = aezoo.datasets.load_mnist()
    epochs = 1 if smoke else 20
    if smoke:
        x_train = x_train[:2560]
    model = aezoo.linear_autoencoder((28, 28, 1), latent_dim=30)
    train(
        model,
        aezoo.squared_error,
        x_train,
        x_train,
        rate=1e-2,
        epochs=epochs,
        batch_size=256,
        backup=folder / "backup",
    )
    keep(model, folder)
    return model.evaluate(x_test, x_test, batch_size=1000, verbose=0)


if __name__ == "__main__":
    reproduce(ROW, one_seed, score=score)
