"""Denoising digits: an autoencoder against four filters, each tuned.

Gaussian noise of standard deviation 0.5, clipped to [0, 1]. The filters' settings are
those that are best on 1,000 of the last 10,000 training images; the network trains on
the first 50,000, and its size and schedule were chosen on the last 10,000. The test
images and their noise are the same for all.
"""

import numpy as np
from scipy import ndimage
from skimage.restoration import denoise_nl_means

import aezoo
from benchmarks.common import train
from benchmarks.reproduce import reproduce

ROW = {
    "lesson": 5,
    "metric": "PSNR of denoised digits, noise 0.5 clipped, MNIST test images",
    "unit": "decibels",
    "paper": None,
    "target": None,
    "better": "higher",
    "differs": "There is no standard figure: the target is the best of a median, a "
    "Gaussian, a PCA and a non-local-means filter, tuned on training images and "
    "measured on the same test images. PSNR is averaged over images.",
}


def psnr(clean, answer):
    return np.mean(-10 * np.log10(np.square(clean - answer).mean(axis=(1, 2, 3))))


def median(noisy, size):
    return ndimage.median_filter(noisy, size=(1, size, size, 1))


def gaussian(noisy, width):
    return ndimage.gaussian_filter(noisy, sigma=(0, width, width, 0))


def non_local_means(noisy, setting):
    patch, h = setting
    options = {"patch_size": patch, "patch_distance": 9, "h": h, "sigma": 0.35}
    return np.stack(
        [denoise_nl_means(image[..., 0], **options)[..., np.newaxis] for image in noisy]
    )


def pca_filter(x_train):
    flat = x_train.reshape(len(x_train), -1)
    mean = flat.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov(flat.T))

    def project(noisy, count):
        # What the noise adds on average (clipping makes it positive) is removed too.
        basis = directions[:, ::-1][:, :count]
        centred = noisy.reshape(len(noisy), -1)
        centred = centred - centred.mean(axis=0)
        return (mean + centred @ basis @ basis.T).clip(0, 1).reshape(noisy.shape)

    return project


def digits(smoke):
    """Return training images, and clean and noisy images to tune with and to judge."""
    (x_train, _), (x_test, _) = aezoo.datasets.load_mnist()
    x_train, x_valid = x_train[:50_000], x_train[-1000:]
    if smoke:
        x_train, x_valid, x_test = x_train[:1280], x_valid[:20], x_test[:20]
    corrupt = aezoo.GaussianCorruption(0.5, clip=True, seed=1)
    return x_train, *(
        (clean, np.asarray(corrupt(clean, training=True)))
        for clean in (x_valid, x_test)
    )


def best_filter(smoke, folder):
    x_train, valid, test = digits(smoke)
    candidates = {
        "median": (median, [3, 5, 7]),
        "Gaussian": (gaussian, np.arange(0.4, 2.01, 0.1)),
        "PCA": (pca_filter(x_train), range(10, 101, 10)),
        "non-local means": (
            non_local_means,
            [(patch, h) for patch in (3, 5, 7) for h in (0.1, 0.2, 0.3, 0.4, 0.6)],
        ),
    }
    scores = {}
    for name, (apply, settings) in candidates.items():
        setting = max(settings, key=lambda s: psnr(valid[0], apply(valid[1], s)))
        scores[name] = psnr(test[0], apply(test[1], setting))
        print(f"{name}: {scores[name]:.2f} dB with {setting}", flush=True)
    return max(scores.values())


def one_seed(smoke, folder):
    x_train, _, (x_test, noisy_test) = digits(smoke)
    model = aezoo.denoising_autoencoder(
        (28, 28, 1),
        latent_dim=1000,
        hidden_units=(1000,),
        noise=aezoo.GaussianCorruption(0.5, clip=True),
    )
    train(
        model,
        aezoo.squared_error,
        x_train,
        x_train,
        rate=1e-3,
        epochs=1 if smoke else 30,
        batch_size=128,
        backup=folder / "backup",
    )
    answer = model.predict(noisy_test, batch_size=1000, verbose=0)
    return psnr(x_test, answer)


if __name__ == "__main__":
    reproduce(ROW, one_seed, measure_target=best_filter)
