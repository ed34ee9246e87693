"""The adversarial game as a Keras model: `GAN.train_step` is Algorithm 1."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import keras
import tensorflow as tf

from keras_gan import (
    augmentation,
    averages,
    batches,
    latents,
    objectives,
    optimizers,
    players,
    replicas,
    reports,
)
from keras_gan import auxiliary as auxiliary_module
from keras_gan import penalties as penalties_module
from keras_gan.accumulation import accumulated
from keras_gan.errors import ConfigError
from keras_gan.layers import activations_kept

#: What random numbers are for; each use of a round folds its own number into the seed.
_LATENTS, _NETWORKS, _PENALTIES, _IMAGES = range(4)
_ROLES = 4
_KNOWN = 2**20  # a use of _IMAGES that is no minibatch's: which labelled images are seen

#: The arguments of GAN beside its networks, as a saved model keeps them.
_SETTINGS = (
    "latent_distribution",
    "discriminator_steps",
    "updates",
    "packing",
    "instance_noise",
    "instance_noise_steps",
    "flip",
    "augment",
    "accumulate",
    "ema_decay",
    "discriminator_ema_decay",
    "seed",
    "name",
)


@keras.saving.register_keras_serializable("keras_gan")
class GAN(keras.Model):
    """Two players, and the rounds that they play.

    Args:
        generator: `latent` (batch, latent_dim) (, `labels`: int (batch,) or float (batch,
            condition_dim)) -> images.
        discriminator: `images` (, `labels`) -> logits, or a dict of `logits` and what
            auxiliary losses need: `class_logits` (batch, classes), `features` (batch, ...).
        encoder: `images` -> latents (batch, latent_dim), trained together with G. D then sees
            pairs, (x, E(x)) as real and (G(z), z) as generated, each as one vector
            (see `players.paired`).
        latent_distribution: a name of `latents.DISTRIBUTIONS`, all of unit variance.
        discriminator_steps: updates of D in a round, the paper's k; each sees
            fresh real images and fresh latents.
        updates: `alternating`, or `simultaneous`: G's gradient is taken before
            the round's last update of D is made.
        packing: how many images D sees at once (PacGAN); D's input has that many
            times the channels.
        instance_noise: stddev of Gaussian noise on all of D's inputs (Sonderby 2017).
        instance_noise_steps: rounds over which that stddev falls linearly to 0.
        flip: mirror half of the real images, left to right.
        augment: names of `augmentation.POLICIES`, by which all that D sees is changed
            at random (DiffAugment, Zhao 2020).
        accumulate: parts in which a minibatch is played, one after the other, to need
            less memory; their gradients are averaged and make one update.
        ema_decay: of the moving average of G's weights and buffers; 0 for none.
        discriminator_ema_decay: the same of D, for the classes that it tells.
        seed: of latents, noise, augmentation and dropout, which are functions of
            (seed, iteration, use) alone.

    Calling the model turns latents (or a dict of `latent` and `labels`) into
    images with the averaged generator. `fit` takes images, float in [-1, 1] or
    uint8, or (images, labels); a batch holds discriminator_steps * m images.

    Raises:
        ConfigError: settings that do not fit the networks.

    Source: Goodfellow 2014, Algorithm 1; Mirza and Osindero 2014 for labels; Donahue 2017
    (BiGAN) and Dumoulin 2017 (ALI) for the encoder.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        encoder: keras.Model | None = None,
        latent_distribution: str = "normal",
        discriminator_steps: int = 1,
        updates: Literal["alternating", "simultaneous"] = "alternating",
        packing: int = 1,
        instance_noise: float = 0.0,
        instance_noise_steps: int | None = None,
        flip: bool = False,
        augment: Sequence[str] = (),
        accumulate: int = 1,
        ema_decay: float = 0.999,
        discriminator_ema_decay: float = 0.0,
        seed: int = 0,
        name: str = "gan",
    ):
        super().__init__(name=name, dtype="float32")
        self.latent_distribution = latents.check_distribution(latent_distribution)
        self.discriminator_steps = discriminator_steps
        self.updates = updates
        self.packing = packing
        self.instance_noise = instance_noise
        self.instance_noise_steps = instance_noise_steps
        self.flip = flip
        self.accumulate = accumulate
        self.ema_decay = ema_decay
        self.discriminator_ema_decay = discriminator_ema_decay
        self.seed = seed
        self._check_settings()
        players.check_networks(generator, discriminator, packing, encoder)
        if encoder is not None and augment:
            raise ConfigError("`augment` is for images, but with an encoder D sees pairs.")
        augmentation.check(flip, augment, generator.output_shape[1:])
        self.augment = tuple(augment)
        self.generator = generator
        self.discriminator = discriminator
        self.encoder = encoder
        self.generator_ema = averages.copy_of(generator) if ema_decay else None
        self.encoder_ema = averages.copy_of(encoder) if ema_decay and encoder is not None else None
        self.discriminator_ema = None
        if discriminator_ema_decay:
            self.discriminator_ema = averages.copy_of(discriminator)
        inputs = players.named_inputs(generator)
        self.latent_dim = inputs["latent"].shape[-1]
        self.conditional = "labels" in inputs
        self.shows_labels = "labels" in players.named_inputs(discriminator)
        self.auxiliary: tuple[auxiliary_module.Auxiliary, ...] = ()
        self._known: tuple[tf.Tensor, tf.Tensor] | None = None
        self.iteration = self.add_weight(
            name="iteration", shape=(), dtype="int64", initializer="zeros", trainable=False
        )
        self._has_batch_statistics = any(
            isinstance(layer, keras.layers.BatchNormalization)
            for layer in discriminator._flatten_layers()
        )
        self._means: dict[str, keras.metrics.Mean] = {}
        self._rounds_program = None
        #: Whether XLA compiles each update's gradients by themselves (see `engine`).
        self.jit_gradients = False
        # Builds the model: Keras saves no weights of one that was never called.
        made = self({n: keras.ops.zeros((1, *t.shape[1:]), t.dtype) for n, t in inputs.items()})
        if encoder is not None:
            self.inverter({"images": made})

    @property
    def sampler(self) -> keras.Model:
        """The generator to draw samples with: the averaged one where there is one."""
        return self.generator if self.generator_ema is None else self.generator_ema

    @property
    def inverter(self) -> keras.Model | None:
        """The encoder to find latents with: the averaged one where there is one."""
        return self.encoder if self.encoder_ema is None else self.encoder_ema

    @property
    def classifier(self) -> keras.Model:
        """The discriminator to ask for classes: the averaged one where there is one."""
        return self.discriminator if self.discriminator_ema is None else self.discriminator_ema

    @property
    def condition_dim(self) -> int | None:
        """The size of labels that are vectors; None where they are ids or there are none."""
        labels = players.named_inputs(self.generator).get("labels")
        return labels.shape[-1] if labels is not None and len(labels.shape) == 2 else None

    @property
    def uses_labels(self) -> bool:
        """Whether a batch has to be (images, labels)."""
        return self.conditional or (self.tells_classes and self._known is None)

    @property
    def tells_classes(self) -> bool:
        """Whether the compiled game has an auxiliary classifier."""
        return any(loss.needs == "class_logits" for loss in self.auxiliary)

    @property
    def _makers(self) -> list[keras.Model]:
        """What is trained against D."""
        return [self.generator] if self.encoder is None else [self.generator, self.encoder]

    @property
    def _followed(self) -> list[tuple[keras.Model, keras.Model, float]]:
        """(average, network, decay) of all networks that are averaged."""
        followed = (
            (self.generator_ema, self.generator, self.ema_decay),
            (self.encoder_ema, self.encoder, self.ema_decay),
            (self.discriminator_ema, self.discriminator, self.discriminator_ema_decay),
        )
        return [f for f in followed if f[0] is not None]

    @property
    def moving_state(self) -> list[keras.Variable]:
        """What moves without a gradient: moving statistics, the u of spectral norm."""
        averaged = [average for average, _, _ in self._followed]
        networks = (*self._makers, self.discriminator, *averaged)
        return [v for network in networks for v in network.non_trainable_weights]

    def call(self, inputs, training=False):
        if not isinstance(inputs, Mapping):
            inputs = {"latent": inputs}
        if self.conditional and "labels" not in inputs:
            raise ConfigError("This GAN is conditional: call it with `latent` and `labels`.")
        return self.sampler(inputs, training=False)

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer | str = "adam",
        discriminator_optimizer: keras.optimizers.Optimizer | str = "adam",
        objective: objectives.Objective | str = "non_saturating",
        penalties: Mapping[str, Mapping] | Iterable[penalties_module.Penalty] = (),
        auxiliary: Mapping[str, Mapping] | Iterable[auxiliary_module.Auxiliary] = (),
        jit_compile: bool | str = "auto",
        **kwargs: Any,
    ) -> None:
        """Sets the game and both optimizers.

        Args:
            generator_optimizer, discriminator_optimizer: Keras optimizers or
                names. Under `mixed_float16` each is given a loss scale of its own.
            objective: a game or its name in `objectives.OBJECTIVES`.
            penalties: `{"r1": {"weight": 0.1, "every": 4}}`, or `Penalty` objects.
            auxiliary: `{"classifier": {"weight": 1.0}}`, or `Auxiliary` objects.
            jit_compile: XLA for plain Keras `fit`: True, False or `auto`.
            **kwargs: Keras' `run_eagerly` and `steps_per_execution`.
        """
        super().compile(optimizer=None, jit_compile=jit_compile, **kwargs)
        self.objective = objectives.get(objective)
        self.penalties = penalties_module.get(penalties)
        self.auxiliary = auxiliary_module.get(auxiliary)
        if self.encoder is not None and self.auxiliary:
            raise ConfigError(
                "`auxiliary` losses are for images, but with an encoder D sees pairs."
            )
        players.check_outputs(
            self.discriminator, self.auxiliary, self.conditional and not self.shows_labels
        )
        if generator_optimizer is discriminator_optimizer and not isinstance(
            generator_optimizer, str
        ):
            raise ConfigError("Each player should have an optimizer of its own.")
        self.generator_optimizer = optimizers.for_networks(generator_optimizer, *self._makers)
        self.discriminator_optimizer = optimizers.for_networks(
            discriminator_optimizer, self.discriminator
        )
        for name in self._metric_names():
            self._means.setdefault(name, keras.metrics.Mean(name=name))
        self._rounds_program = None

    def get_config(self):
        return {
            "generator": keras.saving.serialize_keras_object(self.generator),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            **{name: getattr(self, name) for name in _SETTINGS},
        }

    @classmethod
    def from_config(cls, config):
        for role in ("generator", "discriminator", "encoder"):
            config[role] = keras.saving.deserialize_keras_object(config.get(role))
        return cls(**config)

    # ---------------------------------------------------------------- Algorithm 1

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """One round: k updates of the discriminator, then one of the generator.

        Args:
            data: images (k * m, ...) or (images, labels), float32 in [-1, 1] or uint8.

        Returns:
            The means of the metrics since they were last reset, float32 scalars.

        Source: Goodfellow 2014, Algorithm 1. Departure: by default G ascends
        log D(G(z)) with Adam, as the paper's section 3 and practice advise.
        """
        minibatches = self._minibatches(data)
        last = len(minibatches) - 1
        for k, (real_images, labels) in enumerate(minibatches):  # for k steps do
            latent = self._latents(real_images, use=k)
            discriminator_update, report = self._discriminator_gradients(
                real_images, latent, labels, use=k
            )
            if self.updates == "alternating" or k < last:
                self.discriminator_optimizer.apply(*discriminator_update)

        latent = self._latents(real_images, use=last + 1)
        generator_update, generator_report = self._generator_gradients(
            real_images, latent, labels, report.pop("real_logits"), use=last + 1
        )
        if self.updates == "simultaneous":
            self.discriminator_optimizer.apply(*discriminator_update)
        self.generator_optimizer.apply(*generator_update)

        for average, network, decay in self._followed:
            averages.follow(average, network, decay, self.iteration.value)
        self.iteration.assign_add(1)
        return self._measure({**report, **generator_report})

    def _discriminator_gradients(self, real_images, latent, labels, use):
        """D's gradients on one minibatch of real and generated images, and what to report."""
        variables = self.discriminator.trainable_variables

        def gradients_of(minibatch, part, update_state):
            real_images, latent, labels = minibatch
            own = use * self.accumulate + part
            fake_images = self._generate(latent, labels, own, update_state=False)
            code = self._encode(real_images, own, update_state=False)
            real_images = self._noisy(batches.packed(real_images, self.packing), 2 * own)
            fake_images = self._noisy(batches.packed(fake_images, self.packing), 2 * own + 1)
            real_images = self._paired(real_images, code)
            fake_images = self._paired(fake_images, latent)
            known_images, known_labels = self._drawn_known(real_images, own)
            with tf.GradientTape() as tape:
                # Penalties first, before D's state moves: they are those of the same D.
                added = self._penalties(real_images, fake_images, labels, own)
                real, fake, known = self._discriminate_all(
                    real_images, fake_images, known_images, labels, own, update_state
                )
                told = (real, labels) if known is None else (known, known_labels)
                added |= self._auxiliary_losses(*told, fake, labels)
                logits = real["logits"], fake["logits"]
                game_loss = self.objective.discriminator_loss(*logits)
                loss = sum(added.values(), game_loss)
                scaled = self.discriminator_optimizer.scale_loss(loss)
            losses = {"loss/discriminator": loss, "game": game_loss, **added}
            return (tape.gradient(scaled, variables), losses), logits

        (gradients, losses), (real_logits, fake_logits) = self._averaged(
            gradients_of, (real_images, latent, labels)
        )
        report = reports.of_logits(self.objective, real_logits, fake_logits, losses.pop("game"))
        report |= {**losses, "real_logits": real_logits}
        report["gradient_norm/discriminator"] = optimizers.gradient_norm(
            gradients, self.discriminator_optimizer
        )
        return (gradients, variables), report

    def _generator_gradients(self, real_images, latent, labels, real_logits, use):
        """G's gradients (and E's) through D, and what to report."""
        variables = [v for maker in self._makers for v in maker.trainable_variables]
        real_logits = tf.stop_gradient(real_logits) if self.objective.uses_real_logits else None
        compares = any(loss.uses_real for loss in self.auxiliary)

        def gradients_of(minibatch, part, update_state):
            real_images, latent, labels, real_logits = minibatch
            own = use * self.accumulate + part
            real = None
            if compares:
                real_images = self._noisy(batches.packed(real_images, self.packing), 2 * own + 1)
                real = self._discriminate(real_images, labels, 3 * own + 1, update_state=False)
            with tf.GradientTape() as tape:
                fake_images = self._generate(latent, labels, own, update_state)
                fake_images = self._noisy(batches.packed(fake_images, self.packing), 2 * own)
                fake_images = self._paired(fake_images, latent)
                fake = self._discriminate(fake_images, labels, 3 * own, update_state=False)
                losses = self._generator_losses(real_logits, real, fake, labels)
                if self.encoder is not None:
                    losses["game"] += self._swapped_loss(
                        real_images, fake["logits"], own, update_state
                    )
                loss = sum(losses.values())
                scaled = self.generator_optimizer.scale_loss(loss)
            losses = {"loss/generator": loss, **losses}
            return (tape.gradient(scaled, variables), losses), ()

        seen = real_images if compares or self.encoder is not None else None
        (gradients, losses), _ = self._averaged(gradients_of, (seen, latent, labels, real_logits))
        losses.pop("game", None)
        norm = optimizers.gradient_norm(gradients, self.generator_optimizer)
        return (gradients, variables), {**losses, "gradient_norm/generator": norm}

    def _generator_losses(self, real_logits, real, fake, labels):
        """The game's loss of G, if nothing stands in its place, and its weighted auxiliary ones."""
        labels = labels if self.conditional else None
        losses = {
            f"auxiliary/{loss.name}/generator": loss.weight
            * loss.generator_loss(real, fake, labels)
            for loss in self.auxiliary
            if loss.of_generator
        }
        if not any(loss.alone for loss in self.auxiliary):
            losses["game"] = self.objective.generator_loss(real_logits, fake["logits"])
        return losses

    def _auxiliary_losses(self, real, real_labels, fake, labels):
        """D's weighted auxiliary losses by name."""
        fake_labels = labels if self.conditional else None
        return {
            f"auxiliary/{loss.name}/discriminator": loss.weight
            * loss.discriminator_loss(real, real_labels, fake, fake_labels)
            for loss in self.auxiliary
            if loss.of_discriminator
        }

    def _swapped_loss(self, real_images, fake_logits, own, update_state):
        """G's loss with real and generated pairs swapped, which E minimises with G.

        D tells (x, E(x)) from (G(z), z); who wants it to err wants that of both. What D says
        of swapped pairs is mirrored: for log-odds, the negative.

        Source: Donahue 2017, equation 3 and section 3.4; Dumoulin 2017, section 2.
        """
        code = self._encode(real_images, own, update_state)
        pairs = self._paired(self._noisy(real_images, 2 * own + 1), code)
        real = self._discriminate(pairs, None, 3 * own + 1, update_state=False)
        mirror = 2.0 * self.objective.neutral_logit
        return self.objective.generator_loss(mirror - fake_logits, mirror - real["logits"])

    def _averaged(self, gradients_of, tensors):
        """What `accumulated` returns, with the gradients' means over all replicas."""
        compute = functools.partial(accumulated, self.accumulate, gradients_of)
        if self.jit_gradients:
            compute = tf.function(compute, jit_compile=True)
        (gradients, losses), rows = compute(tensors)
        return (replicas.mean(gradients), losses), rows

    def _penalties(self, real_images, fake_images, labels, use):
        """The weighted penalties by name. D's blocks keep their activations: see `layers`."""

        def discriminator(images, labels):
            return self._discriminate(images, labels, 3 * use + 2, update_state=False)["logits"]

        with activations_kept():
            return {
                f"penalty/{penalty.name}": penalty(
                    self.iteration,
                    discriminator,
                    real_images,
                    fake_images,
                    labels,
                    self._seed(_PENALTIES, use * len(self.penalties) + number),
                )
                for number, penalty in enumerate(self.penalties)
            }

    # ---------------------------------------------------------------- the players

    def _generate(self, latent, labels, use, update_state):
        inputs = {"latent": latent}
        if self.conditional:
            inputs["labels"] = labels
        return self._play(self.generator, inputs, 2 * use, update_state)

    def _encode(self, images, use, update_state):
        """E(x), or None where there is no encoder."""
        if self.encoder is None:
            return None
        # Below 0, where no number is another network's.
        return self._play(self.encoder, {"images": images}, -1 - use, update_state)

    def _paired(self, images, latent):
        """What D sees: images, or with an encoder pairs of images and latents."""
        return images if self.encoder is None else players.paired(images, latent)

    def _discriminate_all(self, real_images, fake_images, known_images, labels, use, update_state):
        """D's outputs of all, in one call unless D has batch statistics; `known` may be None.

        One call makes one larger matrix product of two smaller ones. Batch norm
        would then mix real and generated statistics, so such a D is called twice.
        """
        rows = batches.rows_of(real_images)
        if known_images is not None:
            real_images = tf.concat([real_images, known_images], axis=0)
        if self._has_batch_statistics:
            real = self._discriminate(real_images, labels, 3 * use, update_state)
            fake = self._discriminate(fake_images, labels, 3 * use + 1, update_state)
        else:
            both = tf.concat([real_images, fake_images], axis=0)
            both_labels = None if labels is None else tf.concat([labels, labels], axis=0)
            outputs = self._discriminate(both, both_labels, 3 * use, update_state)
            real, fake = batches.cut(outputs, batches.rows_of(real_images))
        if known_images is None:
            return real, fake, None
        real, known = batches.cut(real, rows)
        return real, fake, known

    def _discriminate(self, images, labels, use, update_state):
        """D(T(x)), a dict: whoever asks D, G and penalties too, asks about augmented images."""
        inputs = {"images": self._augmented(images, use)}
        if self.shows_labels:
            inputs["labels"] = labels
        outputs = self._play(self.discriminator, inputs, 2 * use + 1, update_state)
        return players.named_outputs(outputs)

    def _play(self, network, inputs, use, update_state):
        """Calls `network` in training mode.

        Its dropout is keyed by (seed, iteration, use). Its other state (moving
        statistics, the u of spectral norm) moves only where `update_state`, a bool or a
        bool tensor: in the player's own update and on the batches of that update (their
        last part), so that D's step leaves all of G alone, and G's all of D.
        """
        outputs, moved = players.play(network, inputs, self._seed(_NETWORKS, use))
        if update_state is not False:
            for variable, value in moved:
                if update_state is not True:
                    value = tf.where(update_state, value, variable.value)
                variable.assign(value)
        return outputs

    def _seed(self, role: int, use: int) -> tf.Tensor:
        """An int32 pair, a function of (seed, iteration, role, use), and of the replica.

        But for latents, which are drawn for the whole minibatch: as in one process.
        """
        base = tf.stack([tf.constant(self.seed, tf.int32), tf.cast(self.iteration.value, tf.int32)])
        seed = tf.random.experimental.stateless_fold_in(base, use * _ROLES + role)
        return seed if role == _LATENTS else replicas.own(seed)

    def _latents(self, real_images, use):
        rows = tf.shape(real_images)[0] if real_images.shape[0] is None else real_images.shape[0]
        shape = (rows * replicas.count(), self.latent_dim)
        drawn = latents.sample(self.latent_distribution, shape, self._seed(_LATENTS, use))
        return replicas.part_of(drawn)

    def _noisy(self, images, use):
        if not self.instance_noise:
            return images
        stddev = tf.constant(self.instance_noise, tf.float32)
        if self.instance_noise_steps is not None:
            progress = tf.cast(self.iteration.value, tf.float32) / self.instance_noise_steps
            stddev *= tf.maximum(0.0, 1.0 - progress)
        noise = tf.random.stateless_normal(tf.shape(images), self._seed(_IMAGES, use))
        return images + stddev * noise

    def know(self, images, labels) -> None:
        """Gives D labelled images for its auxiliary classifier, of which it sees some each time.

        A minibatch has as many of them, drawn with replacement, beside its other images,
        which need no labels then.

        Args:
            images: (n, *sample_shape), float in [-1, 1] or uint8.
            labels: int (n,), of the classes of D's `class_logits`.

        Raises:
            ConfigError: images or labels of another form, or a G that takes labels.
        """
        if self.conditional:
            raise ConfigError("Where G takes labels, every image of a batch needs its own.")
        players.check_known(self.discriminator, self.generator.output_shape[1:], images, labels)
        self._known = tf.constant(images), tf.constant(labels, tf.int32)

    def _drawn_known(self, real_images, use):
        """(images as D should see them, labels) of a minibatch of labelled images, or Nones."""
        if self._known is None:
            return None, None
        images, labels = self._known
        count, seed = batches.rows_of(real_images), self._seed(_IMAGES, _KNOWN + use)
        rows = tf.random.stateless_uniform([count], seed, maxval=len(images), dtype=tf.int32)
        drawn = batches.as_float(tf.gather(images, rows))
        if self.flip:
            drawn = augmentation.flipped(drawn, self._seed(_IMAGES, 2 * _KNOWN + use))
        return self._noisy(drawn, 3 * _KNOWN + use), tf.gather(labels, rows)

    def _augmented(self, images, use):
        if not self.augment:
            return images
        images = batches.unpacked(images, self.packing)
        images = augmentation.augmented(images, self.augment, self._seed(_IMAGES, use))
        return batches.packed(images, self.packing)

    # ---------------------------------------------------------------- what is logged

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self._means[name] for name in self._metric_names()]

    def _metric_names(self) -> list[str]:
        """The names of what the compiled game logs; none before `compile`."""
        if getattr(self, "objective", None) is None:
            return []
        return reports.names(self.objective, self.penalties, self.auxiliary)

    def _measure(self, values):
        for mean in self.metrics:
            mean.update_state(values[mean.name])
        return self.get_metrics_result()

    # ---------------------------------------------------------------- data and program

    def _minibatches(self, data):
        """Splits a batch of k*m images into k minibatches [(images, labels), ...]."""
        minibatches = batches.minibatches(
            data,
            self.discriminator_steps,
            self.packing * self.accumulate,
            self.generator.output_shape[1:],
            self.uses_labels,
            self.condition_dim,
        )
        if not self.flip:
            return minibatches
        return [
            (augmentation.flipped(images, self._seed(_IMAGES, k)), labels)
            for k, (images, labels) in enumerate(minibatches)
        ]

    def make_train_function(self, force: bool = False):
        """Keras' hook: one call is one step, or many rounds where a program is set."""
        if self._rounds_program is None:
            return super().make_train_function(force)
        self.train_function = self._rounds_program
        return self.train_function

    @property
    def program(self):
        """What `use_program` was given, or None."""
        return self._rounds_program

    def use_program(self, program) -> None:
        """Makes `fit` run `program(iterator) -> logs` (see `keras_gan.engine`)."""
        self._rounds_program = program
        self.train_function = None
        # It divides the work itself: Keras' `fit` must not cut up its blocks of row numbers.
        self._distribute_strategy = None

    def _get_metrics_result_or_logs(self, logs):
        """Keras' hook for an epoch's end: a program's logs are whole, its metrics on devices."""
        if self._rounds_program is None:
            return super()._get_metrics_result_or_logs(logs)
        return logs

    def _check_settings(self):
        for name in ("ema_decay", "discriminator_ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(
                    f"`{name}` should lie in [0, 1). Received: {getattr(self, name)}."
                )
        if self.updates not in ("alternating", "simultaneous"):
            raise ConfigError(
                f"`updates` should be alternating or simultaneous. Received: {self.updates!r}."
            )
        for name in ("discriminator_steps", "packing", "instance_noise_steps", "accumulate"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"`{name}` should be at least 1. Received: {value}.")
        if not 0 <= self.instance_noise < float("inf"):
            raise ConfigError(
                "`instance_noise` should be a standard deviation, a finite number >= 0. "
                f"Received: {self.instance_noise}."
            )
