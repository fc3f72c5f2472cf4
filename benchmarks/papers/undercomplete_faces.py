"""A plain autoencoder of faces beside PCA with as many numbers, for the presets.

Trained on 25 people and their mirror images; five more say when to stop. The ten people
of the test set are used once, at the end. Nothing else was tuned.
"""

import numpy as np

import aezoo
from benchmarks.common import face_pca_error, faces, train_on_faces
from benchmarks.presets import keep
from benchmarks.reproduce import reproduce

SIZE, NUMBERS = 32, 30
ROW = {
    "lesson": 3,
    "metric": "error of a plain autoencoder with 30 numbers, faces of 32 x 32, people "
    "unseen",
    "unit": "squared error per image",
    "paper": None,
    "target": None,
    "better": "lower",
    "differs": "The target is the error of PCA with 30 components, fitted to the same "
    "25 people. Adam at 1e-3, batches of 50, until the error of five further people "
    "has not fallen for 40 passes; the best is kept.",
    "preset": {
        "name": "undercomplete_faces",
        "builder": "undercomplete_autoencoder",
        "data": "faces",
        "what": "1024-256-30 and back on faces of 32 x 32 pixels.",
        "bad_at": "People it has not seen: it learned from 25, which is few. Faces "
        "that are turned, cropped or lit otherwise.",
    },
}


def measure_target(smoke, folder):
    return face_pca_error(SIZE, NUMBERS)


def score(model, smoke=False):
    *_, new_faces = faces(SIZE)
    answer = model.predict(new_faces, verbose=0)
    return np.square(new_faces - answer).sum(axis=(1, 2, 3)).mean()


def one_seed(smoke, folder):
    model = aezoo.undercomplete_autoencoder((SIZE, SIZE, 1), latent_dim=NUMBERS)
    train_on_faces(model, aezoo.squared_error, SIZE, 1e-3, smoke)
    keep(model, folder)
    return score(model)


if __name__ == "__main__":
    reproduce(ROW, one_seed, measure_target=measure_target, score=score)
