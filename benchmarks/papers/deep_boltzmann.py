"""The deep autoencoder of 2006: logistic units, pretrained as Boltzmann machines.

The pretraining is the paper's. The fine-tuning is that of the row deep_gelu, tried here
on the last 10,000 training images. Then all 60,000 are trained on, and the test images
are used once, at the end.
"""

import aezoo
from benchmarks.common import ChangedAfresh, shift, train
from benchmarks.reproduce import reproduce

PRETRAINING, FINE_TUNING = 10, 60  # epochs: of each machine, of the whole
ROW = {
    "lesson": 7,
    "metric": "test error of a deep autoencoder 784-1000-500-250-30 of logistic units, "
    "pretrained as Boltzmann machines, MNIST",
    "unit": "squared error per image",
    "paper": 3.00,
    "target": 3.00,
    "better": "lower",
    "differs": f"{FINE_TUNING} epochs of Adam on the squared error, of digits shifted "
    "by up to one pixel, take the place of 200 of conjugate gradients on the "
    "cross-entropy. On validation images 12 epochs without shifts had 3.43.",
}


def one_seed(smoke, folder):
    (x_train, _), (x_test, _) = aezoo.datasets.load_mnist()
    pretraining, fine_tuning = PRETRAINING, FINE_TUNING
    if smoke:
        x_train, pretraining, fine_tuning = x_train[:1000], 1, 1
    model = aezoo.stacked_autoencoder((28, 28, 1), activation="sigmoid")
    for layer in (1, 2, 3, 4):
        file = folder / f"layer-{layer}.weights.h5"
        if not file.exists():
            aezoo.pretrain_boltzmann(
                model, x_train, epochs=pretraining, only=(layer,), verbose=2
            )
            model.save_weights(file)
        model.load_weights(file)

    batches = ChangedAfresh(x_train, 128, shift)
    train(
        model,
        aezoo.squared_error,
        batches,
        rate=2e-3,
        warmup=True,
        beta_2=0.98,
        epochs=fine_tuning,
        backup=folder / "backup",
    )
    return model.evaluate(x_test, x_test, batch_size=1000, verbose=0)


if __name__ == "__main__":
    reproduce(ROW, one_seed)
