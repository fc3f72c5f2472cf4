# SPDX-License-Identifier: Apache-2.0
"""The data of the course, each returned as `(x_train, y_train), (x_test, y_test)`."""

from aezoo.datasets.faces import load_faces
from aezoo.datasets.mnist import load_mnist
from aezoo.datasets.plane import load_plane

__all__ = ["load_faces", "load_mnist", "load_plane"]
