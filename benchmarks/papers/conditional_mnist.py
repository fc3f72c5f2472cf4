"""A conditional VAE that is told the digit, for the presets.

One hidden layer of 500 GELUs each way, 20 latents: the net of the row `vae_20` and its
schedule, shorter. Nothing was tuned.
"""

import numpy as np

import aezoo
from benchmarks.common import ChangedAfresh, evaluated, toss, train
from benchmarks.presets import keep
from benchmarks.reproduce import reproduce

ROW = {
    "lesson": 10,
    "metric": "ELBO given the digit, 20 latents, 500 hidden units, binarised MNIST "
    "test images",
    "unit": "nats per image",
    "paper": None,
    "target": None,
    "better": "higher",
    "differs": "There is no figure to compare with: the paper completes images, as the "
    "row `conditional_quadrant` does. The row `vae_20` is the same net without the "
    "digit, trained for 100 epochs. 40 epochs of Adam in batches of 128, the rate "
    "falling from 2e-3 along a cosine.",
    "preset": {
        "name": "conditional_mnist",
        "builder": "conditional_variational_autoencoder",
        "data": "MNIST",
        "what": "Draws a digit that is asked for: inputs are an image and the digit as "
        "ten numbers of which one is 1; the decoder takes a code of 20 numbers, the "
        "handwriting, and the digit.",
        "metric": "ELBO given the digit, mean of four draws, binarised MNIST test "
        "images",
        "bad_at": "A digit it is not told, or told wrongly: it does not classify. Grey "
        "pixels mean odds.",
    },
}


class Told(ChangedAfresh):
    """Batches of tossed digits: inputs `[image, digit]`, target `image`."""

    def __init__(self, x, y, batch_size):
        self.digits = np.eye(10, dtype="float32")[y]
        super().__init__(x, batch_size, toss)

    def __getitem__(self, index):
        image, _ = super().__getitem__(index)
        return [image, self.digits[self.chosen(index)]], image


def score(model, smoke=False):
    _, (x_test, y_test) = aezoo.datasets.load_mnist()
    x_test, digits = toss(x_test, seed=0), np.eye(10, dtype="float32")[y_test]
    return -evaluated(model, aezoo.bernoulli_nll, [x_test, digits], x_test, draws=4)


def one_seed(smoke, folder):
    (x_train, y_train), _ = aezoo.datasets.load_mnist()
    if smoke:
        x_train, y_train = x_train[:1280], y_train[:1280]
    model = aezoo.conditional_variational_autoencoder((28, 28, 1), activation="gelu")
    train(
        model,
        aezoo.bernoulli_nll,
        Told(x_train, y_train, 128),
        rate=2e-3,
        epochs=1 if smoke else 40,
        backup=folder / "backup",
    )
    keep(model, folder)
    return score(model)


if __name__ == "__main__":
    reproduce(ROW, one_seed, score=score)
