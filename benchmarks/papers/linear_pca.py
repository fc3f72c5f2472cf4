"""A linear autoencoder reaches PCA's error: calibration of every other row.

30 numbers, MNIST, from random weights. The schedule was chosen on the last 10,000
training images; the test images are used once, at the end.
"""

import keras
from reproduce import reproduce

import aezoo

ROW = {
    "row": "linear_pca",
    "metric": "test error of a linear autoencoder with 30 numbers, MNIST",
    "unit": "squared error per image",
    "paper": 13.866,
    "target": 13.880,
    "better": "lower",
    "differs": "The reference is not a paper's but PCA's own error, computed exactly "
    "(Baldi and Hornik 1989 prove that the two agree). The target is 0.1 % above it.",
}


def one_seed(smoke, folder):
    (x_train, _), (x_test, _) = aezoo.datasets.load_mnist()
    epochs = 1 if smoke else 20
    if smoke:
        x_train = x_train[:2560]
    steps = epochs * -(-len(x_train) // 256)
    model = aezoo.linear_autoencoder((28, 28, 1), latent_dim=30)
    schedule = keras.optimizers.schedules.CosineDecay(1e-2, steps)
    model.compile(keras.optimizers.Adam(schedule), loss=aezoo.squared_error)
    backup = keras.callbacks.BackupAndRestore(folder / "backup")
    options = {"batch_size": 256, "epochs": epochs, "verbose": 2}
    model.fit(x_train, x_train, callbacks=[backup], **options)
    return model.evaluate(x_test, x_test, batch_size=1000, verbose=0)


if __name__ == "__main__":
    reproduce(ROW, one_seed)
