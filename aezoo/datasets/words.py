# SPDX-License-Identifier: Apache-2.0
"""12,000 English words, each as the 384 numbers that a language model has for it."""

from importlib import resources

import numpy as np


def load_words() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Load words and their embeddings, every sixth word in the test set.

    The words are lower case, of three letters or more, the commoner ones first; coarse
    words are left out. Each was fed alone to the model `all-MiniLM-L6-v2`: the mean of
    the last layer over its three positions, scaled to length 1, then rounded to 8 bits
    (an error of 1.5 % of the spread).

    Returns:
        `(x_train, words_train), (x_test, words_test)`: `x` is float32 of shape
        `(10000, 384)` and `(2000, 384)`, rows of length 1 but for the rounding; `words`
        is an array of strings. Both in the order of the model's vocabulary.

    Example:
        >>> from aezoo import datasets
        >>> (x_train, words_train), (x_test, words_test) = datasets.load_words()
        >>> x_train.shape, words_train[:3].tolist(), words_test[:2].tolist()
        ((10000, 384), ['the', 'and', 'was'], ['that', 'had'])

    Reference:
        Reimers and Gurevych, "Sentence-BERT", 2019, arXiv:1908.10084; Wang and others,
        "MiniLM", 2020, arXiv:2002.10957. The model is under the Apache License 2.0;
        NOTICE has its details.
    """
    bundled = resources.files("aezoo.datasets") / "minilm_words.npz"
    with bundled.open("rb") as file, np.load(file) as arrays:
        words = np.char.decode(arrays["word"], "utf-8")
        x = arrays["scale"] * arrays["embedding"].astype("float32")
    test = np.arange(len(words)) % 6 == 5
    return (x[~test], words[~test]), (x[test], words[test])
