# SPDX-License-Identifier: Apache-2.0
"""The autoencoder zoo: every classic autoencoder as one short Keras file.

Builders return plain, uncompiled functional models with the layers "encoder" and
"decoder"; losses give one value per image. `aezoo.datasets` and `aezoo.plots` load
when they are first used, so that `import aezoo` costs little more than Keras.
"""

import importlib

from aezoo.boltzmann import (
    deep_belief_autoencoder,
    pretrain_boltzmann,
    restricted_boltzmann_machine,
)
from aezoo.contractive import contractive_autoencoder
from aezoo.convolutional import convolutional_autoencoder
from aezoo.denoising import (
    GaussianCorruption,
    MaskingCorruption,
    SaltAndPepperCorruption,
    denoising_autoencoder,
)
from aezoo.linear import linear_autoencoder
from aezoo.losses import bernoulli_nll, gaussian_nll, squared_error
from aezoo.sparse import sparse_autoencoder
from aezoo.stacked import (
    classifier_from_encoder,
    pretrain_layerwise,
    stacked_autoencoder,
)
from aezoo.undercomplete import undercomplete_autoencoder
from aezoo.variational import log_likelihood, variational_autoencoder

__version__ = "0.1.0"

__all__ = [
    "GaussianCorruption",
    "MaskingCorruption",
    "SaltAndPepperCorruption",
    "bernoulli_nll",
    "classifier_from_encoder",
    "contractive_autoencoder",
    "convolutional_autoencoder",
    "deep_belief_autoencoder",
    "denoising_autoencoder",
    "gaussian_nll",
    "linear_autoencoder",
    "log_likelihood",
    "pretrain_boltzmann",
    "pretrain_layerwise",
    "restricted_boltzmann_machine",
    "sparse_autoencoder",
    "squared_error",
    "stacked_autoencoder",
    "undercomplete_autoencoder",
    "variational_autoencoder",
]

_LAZY_MODULES = ("datasets", "plots")


def __getattr__(name):
    if name in _LAZY_MODULES:
        return importlib.import_module(f"aezoo.{name}")
    raise AttributeError(f"module 'aezoo' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_LAZY_MODULES})
