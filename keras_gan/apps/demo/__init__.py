"""A page to play with a trained generator: `keras-gan demo`."""
