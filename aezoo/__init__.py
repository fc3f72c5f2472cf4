# SPDX-License-Identifier: Apache-2.0
"""The autoencoder zoo: every classic autoencoder as one short Keras file.

Builders return plain, uncompiled functional models with the layers "encoder" and
"decoder"; `load_preset` returns trained ones; losses give one value per image.
`aezoo.datasets` and `aezoo.plots` load when they are first used, so that
`import aezoo` costs little more than Keras.
"""

import importlib

from aezoo.boltzmann import (
    BoltzmannMachine,
    pretrain_boltzmann,
    restricted_boltzmann_machine,
)
from aezoo.classifier import classifier_from_encoder
from aezoo.conditional import ConditionalSampling, conditional_variational_autoencoder
from aezoo.contractive import ContractiveDense, contractive_autoencoder
from aezoo.convolutional import convolutional_autoencoder
from aezoo.convolutional_variational import convolutional_variational_autoencoder
from aezoo.denoising import (
    GaussianCorruption,
    MaskingCorruption,
    SaltAndPepperCorruption,
    denoising_autoencoder,
)
from aezoo.layerwise import pretrain_layerwise
from aezoo.likelihood import log_likelihood
from aezoo.linear import linear_autoencoder
from aezoo.losses import (
    bernoulli_nll,
    bernoulli_nll_with_gaps,
    gaussian_nll,
    gaussian_nll_with_gaps,
    squared_error,
    squared_error_with_gaps,
)
from aezoo.presets import list_presets, load_preset
from aezoo.recommender import GapsToZero, rating_baseline, recommender_autoencoder
from aezoo.sparse import KLSparsity, L1Sparsity, TopK, sparse_autoencoder
from aezoo.stacked import stacked_autoencoder
from aezoo.undercomplete import undercomplete_autoencoder
from aezoo.variational import GaussianSampling, variational_autoencoder

__version__ = "0.2.0"

__all__ = [
    "BoltzmannMachine",
    "ConditionalSampling",
    "ContractiveDense",
    "GapsToZero",
    "GaussianCorruption",
    "GaussianSampling",
    "KLSparsity",
    "L1Sparsity",
    "MaskingCorruption",
    "SaltAndPepperCorruption",
    "TopK",
    "bernoulli_nll",
    "bernoulli_nll_with_gaps",
    "classifier_from_encoder",
    "conditional_variational_autoencoder",
    "contractive_autoencoder",
    "convolutional_autoencoder",
    "convolutional_variational_autoencoder",
    "denoising_autoencoder",
    "gaussian_nll",
    "gaussian_nll_with_gaps",
    "linear_autoencoder",
    "list_presets",
    "load_preset",
    "log_likelihood",
    "pretrain_boltzmann",
    "pretrain_layerwise",
    "rating_baseline",
    "recommender_autoencoder",
    "restricted_boltzmann_machine",
    "sparse_autoencoder",
    "squared_error",
    "squared_error_with_gaps",
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
