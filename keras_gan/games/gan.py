"""The adversarial game as a Keras model: `GAN.train_step` is Algorithm 1."""

from __future__ import annotations

import functools
from typing import Any

import keras
import tensorflow as tf

from keras_gan.engine import replicas
from keras_gan.engine.accumulation import accumulated
from keras_gan.games import auxiliary, ema, optimizers, reports
from keras_gan.games.moves import PENALTIES, Moves
from keras_gan.networks.layers import activations_kept


@keras.saving.register_keras_serializable("keras_gan")
class GAN(Moves):
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
            ema.follow(average, network, decay, self.iteration.value)
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
            real_images = self._seen(real_images, code, 2 * own)
            fake_images = self._seen(fake_images, latent, 2 * own + 1)
            known_images, known_labels = self._drawn_known(real_images, own)
            with tf.GradientTape() as tape:
                # Penalties first, before D's state moves: they are those of the same D.
                added = self._penalties(real_images, fake_images, labels, own)
                real, fake, known = self._discriminate_all(
                    real_images, fake_images, known_images, labels, own, update_state
                )
                told = (real, labels) if known is None else (known, known_labels)
                asked = labels if self.conditional else None
                added |= auxiliary.discriminator_losses(self.auxiliary, *told, fake, asked)
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
                real_images = self._seen(real_images, None, 2 * own + 1)
                real = self._discriminate(real_images, labels, 3 * own + 1, update_state=False)
            with tf.GradientTape() as tape:
                fake_images = self._generate(latent, labels, own, update_state)
                fake_images = self._seen(fake_images, latent, 2 * own)
                fake = self._discriminate(fake_images, labels, 3 * own, update_state=False)
                asked = labels if self.conditional else None
                losses = auxiliary.generator_losses(self.auxiliary, real, fake, asked)
                if not any(loss.alone for loss in self.auxiliary):
                    losses["game"] = self.objective.generator_loss(real_logits, fake["logits"])
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

    def _swapped_loss(self, real_images, fake_logits, own, update_state):
        """G's loss with real and generated pairs swapped, which E minimises with G.

        D tells (x, E(x)) from (G(z), z); who wants it to err wants that of both. What D says
        of swapped pairs is mirrored: for log-odds, the negative.

        Source: Donahue 2017, equation 3 and section 3.4; Dumoulin 2017, section 2.
        """
        code = self._encode(real_images, own, update_state)
        pairs = self._seen(real_images, code, 2 * own + 1)
        real = self._discriminate(pairs, None, 3 * own + 1, update_state=False)
        mirror = 2.0 * self.objective.neutral_logit
        return self.objective.generator_loss(mirror - fake_logits, mirror - real["logits"])

    def _averaged(self, gradients_of, tensors):
        """What `accumulated` returns, with the gradients' means over all replicas."""
        compute = functools.partial(accumulated, self.accumulate, gradients_of)
        if self.jit_gradients:
            compute = tf.function(compute, jit_compile=True, autograph=False)
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
                    self._seed(PENALTIES, use * len(self.penalties) + number),
                )
                for number, penalty in enumerate(self.penalties)
            }
