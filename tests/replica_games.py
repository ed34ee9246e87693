"""Small games for tests/test_distribution.py, played in a process of their own.

    python tests/replica_games.py REPLICAS OUT.npz GAME...

Logical devices have to be made before TensorFlow does anything else, so a process has
either one replica or several. OUT has each game's weights and the last call's means.
"""

import sys

import keras
import numpy as np
import tensorflow as tf

from keras_gan import engine, networks
from keras_gan.gan import GAN

STEPS_PER_CALL, CALLS, BATCH = 20, 10, 32
R1 = {"r1": {"weight": 0.1, "every": 2}, "r2": {"weight": 0.1}}

#: Names, and what differs from a plain game of two small dense networks.
GAMES = {
    "plain": {},
    "r1_r2": {"penalties": R1, "objective": "hinge"},
    "k2": {"gan": {"discriminator_steps": 2, "updates": "simultaneous"}, "penalties": R1},
    "spectral": {"discriminator": {"spectral_norm": True}, "penalties": R1},
    "relativistic": {"objective": "relativistic", "penalties": R1},
    "accumulate": {"gan": {"accumulate": 4}, "discriminator": {"spectral_norm": True}},
    "packing": {"gan": {"packing": 2}},
    "conditional": {"conditional": True, "penalties": R1},
    "clipped": {"optimizer": {"global_clipnorm": 0.05}},
    "dcgan": {"family": "dcgan", "generator": {"width": 4}, "discriminator": {"width": 4}},
    "batch_norm": {"generator": {"batch_norm": True}},
    "noise": {"gan": {"instance_noise": 0.1, "flip": True, "augment": ["color"]}},
    "xla": {"jit": True, "penalties": R1},
    "float16": {"policy": "mixed_float16", "penalties": R1},
    "bfloat16": {"policy": "mixed_bfloat16", "penalties": R1},
}
SIZES = {"hidden": [16], "activations": ["tanh"]}


def strategy_of(replicas: int) -> tf.distribute.Strategy:
    """Logical CPUs and a replica on each."""
    if replicas == 1:
        return tf.distribute.get_strategy()
    cpus = [tf.config.LogicalDeviceConfiguration()] * replicas
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], cpus)
    return tf.distribute.MirroredStrategy([f"CPU:{n}" for n in range(replicas)])


def build(
    strategy,
    family="mlp",
    conditional=False,
    generator=None,
    discriminator=None,
    gan=None,
    objective="non_saturating",
    penalties=None,
    optimizer=None,
    policy="float32",
) -> GAN:
    keras.utils.set_random_seed(3)
    keras.config.set_dtype_policy(policy)
    sizes = SIZES if family == "mlp" else {}
    with strategy.scope():
        players = networks.build(
            family,
            latent_dim=4,
            sample_shape=(8, 8, 1),
            num_classes=3 if conditional else None,
            packing=(gan or {}).get("packing", 1),
            generator={**sizes, **(generator or {})},
            discriminator={**sizes, **(discriminator or {})},
        )
        keras.config.set_dtype_policy("float32")
        made = GAN(*players, ema_decay=0.9, **(gan or {}))
        rate = {"learning_rate": 1e-3, "beta_1": 0.5, **(optimizer or {})}
        adams = (keras.optimizers.Adam(**rate) for _ in range(2))
        made.compile(*adams, objective, penalties or {})
    return made


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(256, 8, 8, 1)).astype(np.uint8)
    return images, rng.integers(3, size=256).astype(np.int32)


def play(replicas: int, strategy, jit=False, **options) -> dict[str, np.ndarray]:
    """The weights after 200 rounds, and the means of the last call."""
    gan = build(strategy, **options)
    with strategy.scope():
        program = engine.RoundsProgram(gan, *data(), jit)
    schedule = engine.Schedule(256, BATCH * gan.discriminator_steps, 100, STEPS_PER_CALL, seed=0)
    blocks = iter(schedule.blocks(0))
    rounds = 0
    while rounds < STEPS_PER_CALL * CALLS:
        logs = program(blocks)
        rounds = int(gan.iteration.numpy())
    weights = np.concatenate([np.asarray(w).ravel() for w in gan.weights])
    return {
        "weights": weights.astype(np.float32),
        "names": np.array(list(logs)),
        "logs": np.array([float(value) for value in logs.values()]),
        "apart": np.array(apart(gan, strategy)),
    }


def apart(gan, strategy) -> float:
    """The largest difference between two replicas of a weight."""
    largest = 0.0
    for weight in gan.weights:
        own = [np.asarray(v) for v in strategy.experimental_local_results(weight.value)]
        largest = max(largest, *(float(np.abs(v - own[0]).max()) for v in own))
    return largest


if __name__ == "__main__":
    replicas, out, *names = sys.argv[1:]
    strategy = strategy_of(int(replicas))
    played = {name: play(int(replicas), strategy, **GAMES[name]) for name in names}
    np.savez(out, **{f"{n}/{k}": v for n, values in played.items() for k, v in values.items()})
