"""A VAE with one stochastic layer of 50 latents and a net and schedule of our choice.

Both were chosen by the bound on the last 10,000 training images. Then all 60,000 are
trained on, and the test images are used once, at the end.
"""

import keras

import aezoo
from benchmarks.common import ChangedAfresh, evaluated, shift, toss, train
from benchmarks.presets import keep
from benchmarks.reproduce import reproduce

EPOCHS, SHIFTED = 100, 80
ROW = {
    "lesson": 9,
    "metric": "negative log-likelihood of a VAE with 50 latents and a net of our "
    "choice, 5000 samples, binarised MNIST test images",
    "unit": "nats per image",
    "paper": 86.76,
    "target": 86.76,
    "better": "lower",
    "differs": "More capacity than the paper's net: 500-500 GELUs each way instead "
    f"of 200-200 tanhs. {EPOCHS} epochs in batches of 256, the first {SHIFTED} of "
    "digits shifted by up to one pixel. The test images are tossed once, with a "
    "fixed seed. On validation images, after 24 epochs, the bound was -93.5 with "
    "shifts, 0.8 below that of training images, and -93.4 without them, 1.9 below. "
    "The paper's IWAE with 50 samples, 84.78, is not reached; to try next: no shifts "
    "from epoch 50 on, and more epochs.",
    "preset": {
        "name": "variational_mnist",
        "builder": "variational_autoencoder",
        "data": "MNIST",
        "what": "784-500-500-50 GELUs and back, trained on digits tossed to black and "
        "white. `decoder(noise)` draws new digits.",
        "metric": "negative ELBO, mean of four draws, binarised MNIST test images",
        "bad_at": "Grey pixels mean odds here, so that what it draws has to be tossed, "
        "or looks soft. Some draws from the prior are no digit.",
    },
}


def score(model, smoke=False):
    _, (x_test, _) = aezoo.datasets.load_mnist()
    return evaluated(model, aezoo.bernoulli_nll, toss(x_test, seed=0), draws=4)


def one_seed(smoke, folder):
    (x_train, _), (x_test, _) = aezoo.datasets.load_mnist()
    epochs, samples = EPOCHS, 5000
    if smoke:
        x_train, x_test, epochs, samples = x_train[:1000], x_test[:5], 1, 50
    batches = ChangedAfresh(x_train, 256, toss)
    model = aezoo.variational_autoencoder(
        (28, 28, 1), latent_dim=50, hidden_units=(500, 500), activation="gelu"
    )

    def begin(epoch, logs):
        # Shifts keep the net from learning the images by heart; without them at the
        # end it learns where digits really stand.
        batches.change = toss if epoch >= SHIFTED else lambda x: toss(shift(x))

    train(
        model,
        aezoo.bernoulli_nll,
        batches,
        rate=4e-3,
        warmup=True,
        beta_2=0.98,
        epochs=epochs,
        backup=folder / "backup",
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=begin)],
    )
    keep(model, folder)
    x_test = toss(x_test, seed=0)
    bound = model.evaluate(x_test, x_test, batch_size=1000, verbose=0)
    nll = -aezoo.log_likelihood(model, x_test, num_samples=samples)
    return {
        ROW["metric"]: nll.mean(),
        "negative ELBO of the same images, one sample, nats per image": bound,
    }


if __name__ == "__main__":
    reproduce(ROW, one_seed, score=score)
