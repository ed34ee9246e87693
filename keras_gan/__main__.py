"""`python -m keras_gan`: the command line."""

from keras_gan.cli import main

main(prog_name="keras-gan")
