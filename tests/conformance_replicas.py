"""A few steps of every variant of test_conformance.py on two replicas.

    python tests/conformance_replicas.py OUT.npz

A process of its own: logical devices are made before TensorFlow does anything else. OUT has
each variant's weights, one after the other, and how far apart the replicas' are.
"""

import sys

import numpy as np
from replica_games import apart, make_devices
from test_conformance import VARIANTS, trained

from keras_gan.engine import strategies


def main(out: str) -> None:
    make_devices(2)
    found = {}
    for name, game in VARIANTS.items():
        strategy = strategies.make("mirrored")
        gan = trained(game.of_rows(), strategy)
        found[f"{name}/weights"] = np.concatenate([np.asarray(w).ravel() for w in gan.weights])
        found[f"{name}/apart"] = np.array(apart(gan, strategy))
    np.savez(out, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
