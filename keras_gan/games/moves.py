"""What the players do within a round: what is drawn, what they make of it, what D sees."""

from __future__ import annotations

import tensorflow as tf

from keras_gan.engine import replicas
from keras_gan.games import augmentation, batches, latents, players
from keras_gan.games.game import Game
from keras_gan.utils import random
from keras_gan.utils.pixels import as_float

#: What random numbers are for; each use of a round folds its own number into the seed.
_LATENTS, _NETWORKS, PENALTIES, _IMAGES = range(4)
_ROLES = 4
_KNOWN = 2**20  # a use of _IMAGES that is no minibatch's: which labelled images are seen


class Moves(Game):
    """Calls of the networks in training mode, and draws that are functions of (seed, iteration).

    `use` numbers the calls and draws of a round, so that no two have the same random numbers.
    """

    # ---------------------------------------------------------------- what is drawn

    def _minibatches(self, data):
        """Splits a batch of k * m images into k minibatches [(images, labels), ...]."""
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

    def _seed(self, role: int, use: int) -> tf.Tensor:
        """An int32 pair, a function of (seed, iteration, role, use), and of the replica.

        But for latents, which are drawn for the whole minibatch: as in one process.
        """
        base = tf.stack([tf.constant(self.seed, tf.int32), tf.cast(self.iteration.value, tf.int32)])
        seed = tf.random.experimental.stateless_fold_in(base, use * _ROLES + role)
        return seed if role == _LATENTS else replicas.own(seed)

    def _latents(self, real_images, use):
        shape = (batches.rows_of(real_images) * replicas.count(), self.latent_dim)
        drawn = latents.sample(self.latent_distribution, shape, self._seed(_LATENTS, use))
        return replicas.part_of(drawn)

    def _noisy(self, images, use):
        if not self.instance_noise:
            return images
        stddev = tf.constant(self.instance_noise, tf.float32)
        if self.instance_noise_steps is not None:
            progress = tf.cast(self.iteration.value, tf.float32) / self.instance_noise_steps
            stddev *= tf.maximum(0.0, 1.0 - progress)
        noise = random.normal(tf.shape(images), self._seed(_IMAGES, use))
        return images + stddev * noise

    def _drawn_known(self, real_images, use):
        """(images as D should see them, labels) of a minibatch of labelled images, or Nones."""
        if self._known is None:
            return None, None
        images, labels = self._known
        count, seed = batches.rows_of(real_images), self._seed(_IMAGES, _KNOWN + use)
        rows = random.uniform([count], seed, maxval=len(images), dtype=tf.int32)
        drawn = as_float(tf.gather(images, rows))
        if self.flip:
            drawn = augmentation.flipped(drawn, self._seed(_IMAGES, 2 * _KNOWN + use))
        return self._noisy(drawn, 3 * _KNOWN + use), tf.gather(labels, rows)

    def _augmented(self, images, use):
        if not self.augment:
            return images
        images = batches.unpacked(images, self.packing)
        images = augmentation.augmented(images, self.augment, self._seed(_IMAGES, use))
        return batches.packed(images, self.packing)

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

    def _seen(self, images, latent, use):
        """What D sees: packs of noisy images, or with an encoder pairs of these and latents."""
        images = self._noisy(batches.packed(images, self.packing), use)
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
