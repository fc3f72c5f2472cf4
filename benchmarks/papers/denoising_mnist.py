"""A small denoising autoencoder, for the presets; `denoising_psnr` has a larger one.

One layer of 256 units, Gaussian noise of 0.5; the builder's other defaults and a common
schedule. Nothing was tuned.
"""

import numpy as np

import aezoo
from benchmarks.common import evaluated, train
from benchmarks.presets import keep
from benchmarks.reproduce import reproduce

ROW = {
    "lesson": 5,
    "metric": "error of denoised digits, one layer of 256 units, noise 0.5 clipped, "
    "MNIST test images",
    "unit": "squared error per image",
    "paper": None,
    "target": None,
    "better": "lower",
    "differs": "There is no target: `denoising_psnr` compares a larger net with tuned "
    "filters. 30 epochs of Adam in batches of 256, the rate falling from 2e-3 along a "
    "cosine; nothing was tuned.",
    "preset": {
        "name": "denoising_mnist",
        "builder": "denoising_autoencoder",
        "data": "MNIST",
        "what": "784-256-784 with ReLUs, trained to take Gaussian noise of standard "
        "deviation 0.5, clipped to [0, 1], off digits. It adds noise itself while "
        "training, and none when it predicts.",
        "bad_at": "Damage of another kind, such as missing blocks, and clean digits, "
        "which it smooths as if they were noisy.",
    },
}


def noisy_test():
    _, (x_test, _) = aezoo.datasets.load_mnist()
    noise = np.random.default_rng(1).normal(0, 0.5, x_test.shape)
    return (x_test + noise).clip(0, 1).astype("float32"), x_test


def score(model, smoke=False):
    return evaluated(model, aezoo.squared_error, *noisy_test())


def one_seed(smoke, folder):
    (x_train, _), _ = aezoo.datasets.load_mnist()
    if smoke:
        x_train = x_train[:2560]
    noise = aezoo.GaussianCorruption(0.5, clip=True)
    model = aezoo.denoising_autoencoder((28, 28, 1), latent_dim=256, noise=noise)
    train(
        model,
        aezoo.squared_error,
        x_train,
        x_train,
        rate=2e-3,
        epochs=1 if smoke else 30,
        batch_size=256,
        backup=folder / "backup",
    )
    keep(model, folder)
    return score(model)


if __name__ == "__main__":
    reproduce(ROW, one_seed, score=score)
