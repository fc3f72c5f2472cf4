"""A contractive autoencoder, for the presets; `contractive` has the paper's number.

The strength of lesson 6, the builder's other defaults and a common schedule. Nothing
was tuned.
"""

import numpy as np

import aezoo
from benchmarks.common import evaluated, train
from benchmarks.presets import keep
from benchmarks.reproduce import reproduce

ROW = {
    "lesson": 6,
    "metric": "test error of a contractive autoencoder of 256 sigmoids, MNIST",
    "unit": "squared error per image",
    "paper": None,
    "target": None,
    "better": "lower",
    "differs": "There is no target: the paper judges the codes by a classifier, as the "
    "row `contractive` does. 30 epochs of Adam in batches of 256, the rate falling "
    "from 2e-3 along a cosine, strength 0.3; nothing was tuned.",
    "preset": {
        "name": "contractive_mnist",
        "builder": "contractive_autoencoder",
        "data": "MNIST",
        "metric": "test error of reconstruction, without the penalty, MNIST",
        "what": "784-256-784 sigmoids whose code moves little when the image does: "
        "strength 0.3.",
        "bad_at": "Sharp reconstructions, which is the price of the penalty. New "
        "digits: a code drawn at random decodes to no digit.",
    },
}


def score(model, smoke=False):
    _, (x_test, _) = aezoo.datasets.load_mnist()
    answer = model.predict(x_test, batch_size=1000, verbose=0)
    return np.square(x_test - answer).sum(axis=(1, 2, 3)).mean()


def one_seed(smoke, folder):
    (x_train, _), (x_test, _) = aezoo.datasets.load_mnist()
    if smoke:
        x_train = x_train[:2560]
    found = {}
    for name, strength in [("", 0.3), (", without the penalty", 0.0)]:
        model = aezoo.contractive_autoencoder((28, 28, 1), strength=strength)
        train(
            model,
            aezoo.squared_error,
            x_train,
            x_train,
            rate=2e-3,
            epochs=1 if smoke else 30,
            batch_size=256,
        )
        if strength:
            keep(model, folder)
        error = score(model)
        found[ROW["metric"] + name] = error
        loss = evaluated(model, aezoo.squared_error, x_test)
        if strength:
            found["mean squared norm of its Jacobian"] = (loss - error) / strength
    return found


if __name__ == "__main__":
    reproduce(ROW, one_seed, score=score)
