"""The deep autoencoder of 2006: logistic units, pretrained as Boltzmann machines.

The pretraining is the paper's. The schedule of the fine-tuning was chosen by the error
on the last 10,000 training images. Then all 60,000 are trained on, and the test images
are used once, at the end.
"""

import keras
from reproduce import reproduce

import aezoo

PRETRAINING, FINE_TUNING = 10, 100  # epochs: of each machine, of the whole
ROW = {
    "row": "deep_boltzmann",
    "metric": "test error of a deep autoencoder 784-1000-500-250-30 of logistic units, "
    "pretrained as Boltzmann machines, MNIST",
    "unit": "squared error per image",
    "paper": 3.00,
    "target": 3.00,
    "better": "lower",
    "differs": "",
}


def one_seed(smoke, folder):
    (x_train, _), (x_test, _) = aezoo.datasets.load_mnist()
    pretraining, fine_tuning = PRETRAINING, FINE_TUNING
    if smoke:
        x_train, pretraining, fine_tuning = x_train[:1000], 1, 1
    model = aezoo.deep_belief_autoencoder((28, 28, 1))
    for layer in (1, 2, 3, 4):
        file = folder / f"layer-{layer}.weights.h5"
        if not file.exists():
            aezoo.pretrain_boltzmann(
                model, x_train, epochs=pretraining, only=(layer,), verbose=2
            )
            model.save_weights(file)
        model.load_weights(file)

    steps = fine_tuning * -(-len(x_train) // 256)
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(keras.optimizers.Adam(schedule), loss=aezoo.squared_error)
    backup = keras.callbacks.BackupAndRestore(folder / "backup")
    options = {"batch_size": 256, "epochs": fine_tuning, "verbose": 2}
    model.fit(x_train, x_train, callbacks=[backup], **options)
    return model.evaluate(x_test, x_test, batch_size=1000, verbose=0)


if __name__ == "__main__":
    reproduce(ROW, one_seed)
