"""Layers that Keras does not have, one a file."""

from keras_gan.layers.fourier_features import FourierFeatures
from keras_gan.layers.maxout import Maxout
from keras_gan.layers.spectral_normalization import SpectralNormalization

__all__ = ["FourierFeatures", "Maxout", "SpectralNormalization"]
