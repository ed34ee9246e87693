"""One training step of the same networks in other libraries, for `training_speed.py`.

Every loop runs on all cores with the images in memory (but for the `DataLoader`'s), plays
the non-saturating game with Adam, computes no gradients of D in G's step, and reads nothing
back per step. A loop is called with a number of steps and plays at least as many; `steps`
says how many.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import nn

LATENT = 128
RATE, BETA_1, BETA_2, EPSILON = 1e-4, 0.9, 0.999, 1e-7


# ------------------------------------------------------------------------ PyTorch


def torch_mlp() -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(
        nn.Linear(LATENT, 256),
        nn.Tanh(),
        nn.Linear(256, 512),
        nn.ReLU(),
        nn.Linear(512, 784),
        nn.Tanh(),
        nn.Unflatten(1, (1, 28, 28)),
    )
    discriminator = nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 512),
        nn.Tanh(),
        nn.Linear(512, 256),
        nn.Tanh(),
        nn.Linear(256, 128),
        nn.Tanh(),
        nn.Linear(128, 1),
    )
    return generator, discriminator


def torch_dcgan() -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(
        nn.Linear(LATENT, 7 * 7 * 128, bias=False),
        nn.Unflatten(1, (128, 7, 7)),
        nn.BatchNorm2d(128),
        nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 4, 2, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(7 * 7 * 128, 1),
    )
    return generator, discriminator


class TorchLoop:
    """A plain eager loop.

    Args:
        networks: (generator, discriminator).
        images: uint8 (n, height, width, channels).
        batch_size: m.
        compiled: whether `torch.compile` is given both players' steps.
    """

    def __init__(self, networks, images: np.ndarray, batch_size: int, compiled: bool = False):
        self.generator, self.discriminator = networks
        self.images = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).float() / 127.5 - 1
        self.batch = batch_size
        options = {"lr": RATE, "betas": (BETA_1, BETA_2), "eps": EPSILON}
        self.generator_optimizer = torch.optim.Adam(self.generator.parameters(), **options)
        self.discriminator_optimizer = torch.optim.Adam(self.discriminator.parameters(), **options)
        self.ones, self.zeros = torch.ones(batch_size, 1), torch.zeros(batch_size, 1)
        if compiled:
            self.discriminator_loss = torch.compile(self.discriminator_loss)
            self.generator_loss = torch.compile(self.generator_loss)

    def __call__(self, steps: int) -> None:
        self.steps = 0
        while self.steps < steps:
            for real in self.minibatches():
                self.play(real)
                self.steps += 1
                if self.steps == steps:
                    return

    def minibatches(self):
        order = torch.randperm(len(self.images))
        for start in range(0, len(order) - self.batch + 1, self.batch):
            yield self.images[order[start : start + self.batch]]

    def play(self, real: torch.Tensor) -> None:
        self.discriminator.requires_grad_(True)
        loss = self.discriminator(real, torch.randn(self.batch, LATENT))
        self.discriminator_optimizer.zero_grad()
        loss.backward()
        self.discriminator_optimizer.step()

        self.discriminator.requires_grad_(False)
        loss = self.generator(torch.randn(self.batch, LATENT))
        self.generator_optimizer.zero_grad()
        loss.backward()
        self.generator_optimizer.step()

    def discriminator_loss(self, real, latent):
        with torch.no_grad():
            fake = self.generator(latent)
        loss_of = nn.functional.binary_cross_entropy_with_logits
        return loss_of(self.discriminator(real), self.ones) + loss_of(
            self.discriminator(fake), self.zeros
        )

    def generator_loss(self, latent):
        loss_of = nn.functional.binary_cross_entropy_with_logits
        return loss_of(self.discriminator(self.generator(latent)), self.ones)


class _Images(torch.utils.data.Dataset):
    """Images one at a time, made floats when they are asked for, as tutorials do."""

    def __init__(self, images: np.ndarray):
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> torch.Tensor:
        return torch.from_numpy(self.images[row]).permute(2, 0, 1).float() / 127.5 - 1


class DataLoaderLoop(TorchLoop):
    """The same with PyTorch's `DataLoader` in this process, its default."""

    def __init__(self, networks, images: np.ndarray, batch_size: int):
        super().__init__(networks, images[:1], batch_size)
        self.loader = torch.utils.data.DataLoader(
            _Images(images), batch_size, shuffle=True, drop_last=True
        )

    def minibatches(self):
        return iter(self.loader)


# ---------------------------------------------------------------------------- JAX


def jax_mlp(images: np.ndarray, batch_size: int, steps_per_execution: int):
    """`jit` of a `scan` over steps of the study-notes networks, images resident as uint8.

    Returns:
        a loop like `TorchLoop`.
    """
    import jax
    import jax.numpy as jnp

    sizes = {"G": [LATENT, 256, 512, 784], "D": [784, 512, 256, 128, 1]}
    activations = {"G": [jnp.tanh, jax.nn.relu, jnp.tanh], "D": [jnp.tanh] * 3 + [lambda x: x]}
    data = jnp.asarray(images.reshape(len(images), -1))

    def network(player, weights, x):
        for (kernel, bias), activation in zip(weights, activations[player], strict=True):
            x = activation(x @ kernel + bias)
        return x

    def initial(key, sizes):
        keys = jax.random.split(key, len(sizes) - 1)
        glorot = jax.nn.initializers.glorot_uniform()
        shapes = itertools.pairwise(sizes)
        return [(glorot(k, s), jnp.zeros(s[1])) for k, s in zip(keys, shapes, strict=True)]

    def adam(weights, slots, gradients, step):
        rate = RATE * jnp.sqrt(1 - BETA_2**step) / (1 - BETA_1**step)

        def moved(w, m, v, g):
            m = BETA_1 * m + (1 - BETA_1) * g
            v = BETA_2 * v + (1 - BETA_2) * g * g
            return w - rate * m / (jnp.sqrt(v) + EPSILON), m, v

        three = jax.tree.map(moved, weights, *slots, gradients)
        return (jax.tree.map(lambda _, t, n=n: t[n], weights, three) for n in range(3))

    def discriminator_loss(d, g, real, latent):
        both = jnp.concatenate([real, network("G", g, latent)])
        logits = network("D", d, both)
        return (
            jax.nn.softplus(-logits[:batch_size]).mean()
            + jax.nn.softplus(logits[batch_size:]).mean()
        )

    def generator_loss(g, d, latent):
        return jax.nn.softplus(-network("D", d, network("G", g, latent))).mean()

    def step(carry, rows):
        g, g_slots, d, d_slots, key, count = carry
        key, first, second = jax.random.split(key, 3)
        real = data[rows].astype(jnp.float32) / 127.5 - 1
        gradients = jax.grad(discriminator_loss)(
            d, g, real, jax.random.normal(first, (batch_size, LATENT))
        )
        d, *d_slots = adam(d, d_slots, gradients, count)
        gradients = jax.grad(generator_loss)(g, d, jax.random.normal(second, (batch_size, LATENT)))
        g, *g_slots = adam(g, g_slots, gradients, count)
        return (g, g_slots, d, d_slots, key, count + 1.0), None

    play = jax.jit(lambda carry, rows: jax.lax.scan(step, carry, rows)[0], donate_argnums=0)

    class Loop:
        def __init__(self):
            keys = jax.random.split(jax.random.key(0), 3)
            players = []
            for key, player in zip(keys, "GD", strict=False):
                weights = initial(key, sizes[player])
                zeros = [jax.tree.map(jnp.zeros_like, weights) for _ in range(2)]
                players += [weights, zeros]
            self.carry = (*players, keys[2], jnp.float32(1))
            self.random = np.random.default_rng(0)

        def __call__(self, steps: int) -> None:
            self.steps = 0
            while self.steps < steps:
                size = steps_per_execution * batch_size
                rows = self.random.permutation(len(data))[:size].astype(np.int32)
                self.carry = play(self.carry, rows.reshape(steps_per_execution, batch_size))
                self.steps += steps_per_execution
            jax.block_until_ready(self.carry)

    return Loop()
