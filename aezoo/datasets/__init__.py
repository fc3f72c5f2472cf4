# SPDX-License-Identifier: Apache-2.0
"""The data of the course, each split into a part to train on and a part to test on."""

from aezoo.datasets.faces import load_faces
from aezoo.datasets.mnist import load_mnist
from aezoo.datasets.plane import load_plane
from aezoo.datasets.ratings import load_ratings
from aezoo.datasets.words import load_words

__all__ = ["load_faces", "load_mnist", "load_plane", "load_ratings", "load_words"]
