"""The nets that pythae has, given the modules of `torch_loop`, under its trainer."""

import tempfile

import torch
from pythae.data.datasets import BaseDataset
from pythae.models import AE, VAE, AEConfig, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig

from benchmarks.nets import BATCH_SIZE, SIZES
from benchmarks.speed.contender import answer, load_images
from benchmarks.speed.torch_loop import encoder_and_decoder


class Encoder(BaseEncoder):
    """A module that answers in pythae's way."""

    def __init__(self, module, variational):
        super().__init__()
        self.module, self.variational = module, variational

    def forward(self, x):
        """Return codes, or means and log-variances."""
        codes = self.module(x)
        if not self.variational:
            return ModelOutput(embedding=codes)
        mean, log_var = codes.chunk(2, dim=1)
        return ModelOutput(embedding=mean, log_covariance=log_var)


class Decoder(BaseDecoder):
    """A module that answers in pythae's way."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, z):
        """Return images."""
        return ModelOutput(reconstruction=self.module(z).reshape(-1, 1, 28, 28))


def prepare(net, images):
    variational = net == "variational"
    encoder, decoder = encoder_and_decoder(net)
    encoder, decoder = Encoder(encoder, variational), Decoder(decoder)
    sizes = {"input_dim": (1, 28, 28), "latent_dim": SIZES[net][-1]}
    if variational:
        model = VAE(VAEConfig(reconstruction_loss="bce", **sizes), encoder, decoder)
    else:
        model = AE(AEConfig(**sizes), encoder, decoder)

    x = torch.from_numpy(load_images()[:images]).permute(0, 3, 1, 2).contiguous()
    config = BaseTrainerConfig(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=BATCH_SIZE,
        learning_rate=1e-3,
        no_cuda=True,
    )
    trainer = BaseTrainer(model, BaseDataset(x, torch.zeros(images)), None, config)
    trainer.prepare_training()
    weights = sum(weight.numel() for weight in model.parameters())
    # An epoch alone: what `train` does before and after it is left out.
    return weights, lambda: trainer.train_step(epoch=1)


if __name__ == "__main__":
    answer(prepare)
