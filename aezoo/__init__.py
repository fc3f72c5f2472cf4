# SPDX-License-Identifier: Apache-2.0
"""The autoencoder zoo: every classic autoencoder as one short Keras file.

Builders return plain, uncompiled functional models with the layers "encoder" and
"decoder"; losses give one value per image. `aezoo.datasets` and `aezoo.plots` load
when they are first used, so that `import aezoo` costs little more than Keras.
"""

import importlib

from aezoo.linear import linear_autoencoder
from aezoo.losses import bernoulli_nll, gaussian_nll, squared_error
from aezoo.undercomplete import undercomplete_autoencoder

__version__ = "0.1.0"

__all__ = [
    "bernoulli_nll",
    "gaussian_nll",
    "linear_autoencoder",
    "squared_error",
    "undercomplete_autoencoder",
]

_LAZY_MODULES = ("datasets", "plots")


def __getattr__(name):
    if name in _LAZY_MODULES:
        return importlib.import_module(f"aezoo.{name}")
    raise AttributeError(f"module 'aezoo' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_LAZY_MODULES})
