"""The dictionary of words of lesson 13, for the presets.

1,024 units of which 16 are kept, dead ones started afresh, all as in the lesson.
Nothing was tuned here.
"""

import keras
import numpy as np

import aezoo
from benchmarks.common import evaluated
from benchmarks.presets import keep
from benchmarks.reproduce import reproduce

UNITS, K, EPOCHS, BATCH_SIZE = 1024, 16, 20, 250
ROW = {
    "lesson": 13,
    "metric": "variance of new words that 16 of 1,024 units explain",
    "unit": "%",
    "paper": None,
    "target": None,
    "better": "higher",
    "differs": "There is no figure to compare with; `superposition` counts the "
    "features that such a code finds again where they are known.",
    "preset": {
        "name": "sparse_words",
        "builder": "sparse_autoencoder",
        "data": "words",
        "what": "A dictionary of 1,024 directions in a language model's 384 numbers "
        "for a word, less their mean, of which 16 are kept for each word.",
        "bad_at": "Coming back: of two trainings few rows agree (lesson 13), so that "
        "a unit is a description of words, not a fact about the language model.",
    },
}


def words():
    """Return training and test words, the mean of the former taken off both."""
    (x_train, _), (x_test, _) = aezoo.datasets.load_words()
    middle = x_train.mean(axis=0)
    return x_train - middle, x_test - middle


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def revive(model, x):
    """Point units that no word uses at the words that are rebuilt worst."""
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    (columns, bias), (rows, offset) = encoder.get_weights(), decoder.get_weights()
    lacking = x - model.predict(x, 1000, verbose=0)
    dead = ~encoder.predict(x, 1000, verbose=0).any(axis=0)
    worst = np.argsort(-np.sum(lacking**2, axis=1))[: dead.sum()]
    rows[dead] = unit(lacking[worst])
    columns[:, dead] = rows[dead].T * np.linalg.norm(columns, axis=0).mean()
    bias[dead] = 0
    encoder.set_weights([columns, bias])
    decoder.set_weights([rows, offset])


def score(model, smoke=False):
    _, x_test = words()
    left = evaluated(model, aezoo.squared_error, x_test)
    return 100 * (1 - left / np.mean(np.sum(x_test**2, axis=1)))


def one_seed(smoke, folder):
    x_train, _ = words()
    model = aezoo.sparse_autoencoder(
        (384,),
        latent_dim=UNITS,
        sparsity=aezoo.TopK(K),
        output_activation=None,
        decoder_constraint=keras.constraints.UnitNorm(axis=1),
    )
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    (_, bias), (rows, offset) = encoder.get_weights(), decoder.get_weights()
    encoder.set_weights([unit(rows).T, bias])
    decoder.set_weights([unit(rows), offset])
    steps = EPOCHS * -(-len(x_train) // BATCH_SIZE)
    rate = keras.optimizers.schedules.CosineDecay(3e-3, steps)
    model.compile(keras.optimizers.Adam(rate), loss=aezoo.squared_error)
    rounds = 1 if smoke else 4
    for part in range(rounds):
        if part:
            revive(model, x_train)
        epochs = 1 if smoke else EPOCHS // rounds
        model.fit(x_train, x_train, batch_size=BATCH_SIZE, epochs=epochs, verbose=2)
    keep(model, folder)
    return score(model)


if __name__ == "__main__":
    reproduce(ROW, one_seed, score=score)
