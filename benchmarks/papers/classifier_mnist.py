"""A small convolutional classifier of digits, to judge what the other models draw.

Its layers were chosen for their size, the number of epochs for time; nothing was tuned.
"""

import keras
from keras import layers

import aezoo
from benchmarks.common import ChangedAfresh, error_rate, shift, train
from benchmarks.presets import keep
from benchmarks.reproduce import reproduce

ROW = {
    "lesson": 9,
    "metric": "test images that a small convolutional classifier reads correctly, "
    "MNIST",
    "unit": "%",
    "paper": None,
    "target": 99.3,
    "better": "higher",
    "differs": "Not an autoencoder: it judges what autoencoders draw. 15 epochs of "
    "Adam in batches of 128 of digits shifted by up to one pixel, the rate falling "
    "from 2e-3 along a cosine; nothing was tuned.",
    "preset": {
        "name": "classifier_mnist",
        "builder": None,
        "data": "MNIST",
        "what": "Three convolutions and two dense layers that read a digit, to judge "
        "what the other models draw: the odds of ten digits. The layer `features` "
        "gives 64 numbers an image.",
        "bad_at": "Anything that is no digit, which it reads as one, often with odds "
        "near 1.",
    },
}


class Labelled(ChangedAfresh):
    """Batches of shifted digits with their labels."""

    def __init__(self, x, y, batch_size):
        self.y = y
        super().__init__(x, batch_size, shift)

    def __getitem__(self, index):
        return super().__getitem__(index)[0], self.y[self.chosen(index)]


def classifier():
    image = keras.Input((28, 28, 1))
    maps = image
    for filters in (16, 32, 64):
        maps = layers.Conv2D(
            filters, 3, padding="same", activation="relu", data_format="channels_last"
        )(maps)
        maps = layers.MaxPooling2D(2, data_format="channels_last")(maps)
    hidden = layers.Dropout(0.3)(layers.Flatten(data_format="channels_last")(maps))
    hidden = layers.Dense(64, "relu", name="features")(hidden)
    answer = layers.Dense(10, "softmax", name="digit")(layers.Dropout(0.3)(hidden))
    return keras.Model(image, answer, name="classifier")


def score(model, smoke=False):
    _, (x_test, y_test) = aezoo.datasets.load_mnist()
    count = 1000 if smoke else None
    return 100 - error_rate(model, x_test[:count], y_test[:count])


def one_seed(smoke, folder):
    (x_train, y_train), _ = aezoo.datasets.load_mnist()
    if smoke:
        x_train, y_train = x_train[:640], y_train[:640]
    model = classifier()
    train(
        model,
        "sparse_categorical_crossentropy",
        Labelled(x_train, y_train, 128),
        rate=2e-3,
        epochs=1 if smoke else 15,
        backup=folder / "backup",
    )
    keep(model, folder)
    return score(model, smoke)


if __name__ == "__main__":
    reproduce(ROW, one_seed, score=score)
