"""One update of a player, and what its networks are given, for tests of games."""

import numpy as np
import tensorflow as tf

from keras_gan.games.step import Forward, TrainStep


def update_of(gan, player, data):
    """An `Update` of a player on a batch's first minibatch; nothing is applied."""
    step = TrainStep(gan)
    minibatch, *_ = gan.minibatches(step, data)
    terms = getattr(gan, f"{player}_terms")
    return step.gradients(player, terms, gan.drawn(step, minibatch))


def images_given_to(network, monkeypatch):
    """A list that grows by the `images` of each forward pass of a network, while a test runs."""
    given, original = [], Forward.__call__

    def spy(self, called, inputs, **how):
        if called is network:
            given.append(np.asarray(inputs["images"]))
        return original(self, called, inputs, **how)

    monkeypatch.setattr(Forward, "__call__", spy)
    return given


def latents_of(gan, rows, count):
    """The first `count` draws of latents in a training step at the GAN's iteration."""
    step = TrainStep(gan)
    return [gan.latent(step, rows) for _ in range(count)]


def set_latents(gan, latent):
    """Give the GAN the latents (n, dim), times 1 in D's first update, 2 in the next, and so on."""
    uses = {}

    def drawn(step, rows):
        uses[step] = uses.get(step, 0) + 1
        return tf.constant(latent[:rows]) * float(uses[step])

    gan.latent = drawn
