"""Layers that Keras does not have, or draws slowly."""

from keras_gan.networks.layers.conditional_batch_normalization import ConditionalBatchNormalization
from keras_gan.networks.layers.fourier_features import FourierFeatures
from keras_gan.networks.layers.maxout import Maxout
from keras_gan.networks.layers.noise import Dropout, GaussianNoise
from keras_gan.networks.layers.recomputed import Recomputed, activations_kept
from keras_gan.networks.layers.spectral_normalization import SpectralNormalization

__all__ = [
    "ConditionalBatchNormalization",
    "Dropout",
    "FourierFeatures",
    "GaussianNoise",
    "Maxout",
    "Recomputed",
    "SpectralNormalization",
    "activations_kept",
]
