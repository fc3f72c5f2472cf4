"""The same nets in PyTorch, trained by a plain loop with fused Adam."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.nets import BATCH_SIZE, MATRIX, SIZES, STRENGTH
from benchmarks.speed.contender import answer, load_images


def dense(sizes, last=None):
    """Linear layers with ReLUs between them, started as Keras starts its own."""
    modules = []
    for before, after in pairwise(sizes):
        modules += [nn.Linear(before, after), nn.ReLU()]
    modules[-1:] = [last] if last else []
    return started(nn.Sequential(*modules))


def started(model):
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    return model


def encoder_and_decoder(net):
    """Two modules, images `(batch, 1, 28, 28)` to codes and back to pixels."""
    inner = SIZES[net]
    if net == "convolutional":
        first, second, codes = inner
        encoder = nn.Sequential(
            nn.Conv2d(1, first, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(second * 7 * 7, codes),
        )
        decoder = nn.Sequential(
            nn.Linear(codes, second * 7 * 7),
            nn.ReLU(),
            nn.Unflatten(1, (second, 7, 7)),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(second, first, 3, padding=1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(first, 1, 3, padding=1),
            nn.Sigmoid(),
        )
        return started(encoder), started(decoder)
    down, up = [784, *inner], [*reversed(inner), 784]
    if net == "variational":
        down[-1] *= 2  # means and log-variances
    units = nn.Sigmoid() if len(inner) == 1 else None
    return nn.Sequential(nn.Flatten(), dense(down, units)), dense(up, nn.Sigmoid())


def loss_of(net, encoder, decoder, x):
    """The loss of one batch, averaged over it."""
    target = x.flatten(1)
    if net == "variational":
        mean, log_var = encoder(x).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * log_var) * torch.randn_like(mean)
        kl = 0.5 * (log_var.exp() + mean.square() - 1 - log_var).sum()
        nll = F.binary_cross_entropy(decoder(z), target, reduction="sum")
        return (nll + kl) / len(x)
    codes = encoder(x)
    loss = (decoder(codes).flatten(1) - target).square().sum() / len(x)
    if net == "contractive":
        kernel = encoder[1][0].weight  # (units, pixels)
        slope = codes * (1 - codes)
        norms = slope.square() @ kernel.square().sum(dim=1)
        loss = loss + STRENGTH * norms.mean()
    return loss


def prepare(net, images):
    if net == "matrices":
        matrix = torch.rand(MATRIX, MATRIX)
        return 0, lambda: (matrix @ matrix)[0, 0]
    x = torch.from_numpy(load_images()[:images]).permute(0, 3, 1, 2).contiguous()
    encoder, decoder = encoder_and_decoder(net)
    weights = [*encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(weights, fused=True)

    def train():
        total = torch.zeros(())
        for chosen in torch.randperm(images).split(BATCH_SIZE):
            loss = loss_of(net, encoder, decoder, x[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(chosen)
        return total / images

    return sum(weight.numel() for weight in weights), train


if __name__ == "__main__":
    answer(prepare)
