"""Logistic regression on the codes of a k-sparse autoencoder.

1,000 linear units, of which the 25 largest are kept while training and 75 afterwards.
Weight decay, shifts, the way from large k to 25, the number of epochs, the codes that
are kept and the classifier's regularisation were chosen by a few runs on the first
50,000 training images, judged on the last 10,000. The test images are used once, at
the end.
"""

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression

import aezoo
from benchmarks.common import ChangedAfresh, shift, train
from benchmarks.reproduce import reproduce

ROW = {
    "lesson": 4,
    "metric": "test error of logistic regression on 1000 codes, k = 25, MNIST",
    "unit": "%",
    "paper": 1.35,
    "target": 1.35,
    "better": "lower",
    "differs": "33 epochs instead of 5000, of digits shifted by up to one pixel, with "
    "weight decay and untied weights; all classifier data unshifted. On validation "
    "images the same without shifts and with one epoch for each larger k had 1.93 % "
    "instead of 1.74; before weight decay, 70 epochs had 2.03 and 25 had 2.05, masked "
    "pixels 2.08, sigmoid outputs 2.65.",
}


def autoencoder(sparsity):
    return aezoo.sparse_autoencoder(
        (28, 28, 1),
        latent_dim=1000,
        sparsity=sparsity,
        output_activation=None,
        kernel_regularizer=keras.regularizers.L2(1e-3),
    )


def starting_weights(x):
    """Return random directions, seen from the mean image, and their transpose.

    With the mean left in, the same few units win for every digit, and the others are
    never trained.
    """
    mean = x.reshape(len(x), -1).mean(axis=0)
    directions = np.random.normal(size=(len(mean), 1000))
    directions /= np.linalg.norm(directions, axis=0)
    return [directions, -mean @ directions, directions.T, mean]


def one_seed(smoke, folder):
    (x_train, y_train), (x_test, y_test) = aezoo.datasets.load_mnist()
    if smoke:
        x_train, y_train = x_train[:500], y_train[:500]
    batches = ChangedAfresh(x_train, 256, shift)
    weights = starting_weights(x_train)
    for k, epochs in [(100, 2), (70, 2), (50, 2), (35, 2), (25, 25)]:
        model = autoencoder(aezoo.TopK(k))
        model.set_weights(weights)
        train(
            model,
            aezoo.squared_error,
            batches,
            rate=1e-3,
            cosine=k == 25,
            epochs=1 if smoke else epochs,
            backup=folder / f"backup-{k}",
        )
        weights = model.get_weights()

    model = autoencoder(aezoo.TopK(25, inference_factor=3.0))
    model.set_weights(weights)
    encoder = model.get_layer("encoder")
    codes = encoder.predict(x_train, batch_size=1000, verbose=0)
    scale = codes.std()
    classifier = LogisticRegression(C=0.01, max_iter=500)
    classifier.fit(codes / scale, y_train)
    test_codes = encoder.predict(x_test, batch_size=1000, verbose=0)
    return 100 * (1 - classifier.score(test_codes / scale, y_test))


if __name__ == "__main__":
    reproduce(ROW, one_seed)
