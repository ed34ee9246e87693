"""What a recipe sets of a game: the options of its constructor, and the networks to build."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal

import keras

from keras_gan import networks
from keras_gan.games import augmentation, latents
from keras_gan.networks import DataSpec
from keras_gan.utils.checks import Checked, Count, Share, Weight
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.labels import NO_LABELS, LabelSpec


@dataclasses.dataclass(frozen=True)
class Options(Checked):
    """Base of the options of a game: its constructor's keyword arguments, a recipe's `game`."""

    @property
    def minibatches(self) -> int:
        """The minibatches that one training step takes."""
        return 1

    @property
    def multiple(self) -> int:
        """What the rows of a minibatch have to be a multiple of."""
        return 1

    @property
    def ema_decays(self) -> dict[str, float]:
        """Decays of moving averages, by the network's name."""
        return {}


@dataclasses.dataclass(frozen=True)
class Networks(Checked):
    """Base of the networks of a game: a recipe's `network`.

    Attributes:
        family: a key of `networks.FAMILIES`.
        generator, discriminator: options of the family's builders.
    """

    family: str = "mlp"
    generator: dict[str, Any] = dataclasses.field(default_factory=dict)
    discriminator: dict[str, Any] = dataclasses.field(default_factory=dict)

    roles: ClassVar[tuple[str, ...]] = ("generator", "discriminator")

    def check(self) -> None:
        """Raise ConfigError for a family or option that does not exist."""
        for role in self.roles:
            networks.check(role, self.family, getattr(self, role))

    def build(self, data: DataSpec, options: Options) -> dict[str, keras.Model]:
        """Return the networks by name.

        Raises:
            ConfigError: networks that can't be built for these data.
        """
        raise NotImplementedError

    def _network(self, role: str, **common: Any) -> keras.Model:
        return networks.build(role, self.family, getattr(self, role), **common)


@dataclasses.dataclass(frozen=True)
class LatentOptions(Options):
    """Options of every game whose generator turns latents into samples.

    Attributes:
        latent_distribution: a name of `latents.DISTRIBUTIONS`, all of unit variance.
        instance_noise: stddev of Gaussian noise on all of D's inputs (Sonderby 2017).
        instance_noise_steps: training steps over which that stddev falls linearly to 0.
        flip: mirror half of the real images, left to right.
        ema_decay: of the moving average of G's weights and buffers; 0 for none.
    """

    latent_distribution: str = "normal"
    instance_noise: Weight = 0.0
    instance_noise_steps: Count | None = None
    flip: bool = False
    ema_decay: Share = 0.999

    packing: ClassVar[int] = 1
    augment: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        latents.DISTRIBUTIONS[self.latent_distribution]
        augmentation.check(self.flip, self.augment)

    @property
    def multiple(self) -> int:
        return self.packing

    @property
    def ema_decays(self) -> dict[str, float]:
        return {"generator": self.ema_decay}


@dataclasses.dataclass(frozen=True)
class Algorithm1Options(LatentOptions):
    """Options of every game that is trained by Goodfellow 2014's Algorithm 1.

    Attributes:
        discriminator_steps: updates of D in a training step, the paper's k; each has fresh real
            images and fresh latents.
        updates: `alternating`, or `simultaneous`: G's gradient is taken before the step's last
            update of D is made.
    """

    discriminator_steps: Count = 1
    updates: Literal["alternating", "simultaneous"] = "alternating"

    @property
    def minibatches(self) -> int:
        return self.discriminator_steps


@dataclasses.dataclass(frozen=True)
class GANOptions(Algorithm1Options):
    """Options of a GAN.

    Attributes:
        packing: images that D has at once (PacGAN); D's input has that many times the channels.
        augment: names of `augmentation.POLICIES`, by which all of D's images are changed at
            random (DiffAugment, Zhao 2020).
    """

    packing: Count = 1
    augment: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class LatentNetworks(Networks):
    """Networks of every game whose generator turns latents into samples.

    Attributes:
        latent_dim: the size of z.
    """

    latent_dim: Count = 128

    conditioning: ClassVar[str] = "none"

    def build(self, data: DataSpec, options: LatentOptions) -> dict[str, keras.Model]:
        labels = self.labels_of_discriminator(data)
        discriminator = self._network(
            "discriminator",
            sample_shape=self.shape_of_discriminator(data, options),
            **({"labels": labels, "conditioning": self.conditioning} if labels else {}),
        )
        return {"generator": self.generator_for(data), "discriminator": discriminator}

    def generator_for(self, data: DataSpec) -> keras.Model:
        """Return a generator of these data."""
        return self._network(
            "generator",
            latent_dim=self.latent_dim,
            sample_shape=data.sample_shape,
            labels=self.labels_of_generator(data),
            sample_mean=data.mean,
        )

    def labels_of_generator(self, data: DataSpec) -> LabelSpec:
        """Return the labels that G takes."""
        return NO_LABELS

    def labels_of_discriminator(self, data: DataSpec) -> LabelSpec:
        """Return the labels that D takes."""
        return NO_LABELS

    def shape_of_discriminator(self, data: DataSpec, options: LatentOptions) -> tuple[int, ...]:
        """Return the shape of D's input."""
        *sides, channels = data.sample_shape
        return (*sides, channels * options.packing)


@dataclasses.dataclass(frozen=True)
class GANNetworks(LatentNetworks):
    """Networks of a GAN.

    Attributes:
        conditioning: how D takes labels, `concat` (Mirza and Osindero 2014) or `projection`
            (Miyato and Koyama 2018); with `none` neither network takes any.
    """

    conditioning: Literal["none", "concat", "projection"] = "none"

    def labels_of_generator(self, data: DataSpec) -> LabelSpec:
        if self.conditioning == "none":
            return NO_LABELS
        if not data.labels:
            raise ConfigError(
                f"`network.conditioning` is {self.conditioning}, but the data have no labels. Set "
                "network.conditioning=none, or use data with labels (a folder with a subfolder "
                "per class, for example)."
            )
        return data.labels

    def labels_of_discriminator(self, data: DataSpec) -> LabelSpec:
        return self.labels_of_generator(data)
