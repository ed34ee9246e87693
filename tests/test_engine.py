"""The compiled program: what it draws, and that a call is no more than its rounds."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from test_gan import IMAGES, LABELS, equal, small, values

from keras_gan.engine import loop, programs
from keras_gan.engine.programs import StepsProgram, choose_jit
from keras_gan.engine.schedule import SHUFFLE, Schedule
from keras_gan.utils.errors import DataError, RunError

PIXELS = np.round((IMAGES + 1) * 127.5).astype(np.uint8)


def rows_of(schedule, epoch=0, first_call=0):
    """The rows of every round, as the program will use them."""
    rounds = []
    for rows, steps in schedule.blocks(epoch, first_call).as_numpy_iterator():
        rounds += list(rows[:steps])
    return np.array(rounds)


def test_an_epoch_sees_every_row_once_in_an_order_of_its_own():
    schedule = Schedule(num_samples=64, rows_per_step=8, epochs=3, steps_per_execution=3, seed=5)
    rounds = rows_of(schedule)
    assert rounds.shape == (24, 8)
    epochs = rounds.reshape(3, 64)
    for order in epochs:
        np.testing.assert_array_equal(np.sort(order), np.arange(64))
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[0], np.arange(64))


def test_rows_that_fill_no_round_change_from_epoch_to_epoch():
    schedule = Schedule(num_samples=10, rows_per_step=4, epochs=30, steps_per_execution=2, seed=0)
    epochs = rows_of(schedule).reshape(30, 8)
    assert all(len(set(order)) == 8 for order in epochs)
    assert set(epochs.ravel()) == set(range(10))


def test_the_order_is_a_function_of_seed_and_iteration_alone():
    def schedule(seed=5, steps_per_execution=4):
        return Schedule(64, 8, epochs=3, steps_per_execution=steps_per_execution, seed=seed)

    whole = rows_of(schedule())
    np.testing.assert_array_equal(rows_of(schedule(steps_per_execution=3)), whole)
    np.testing.assert_array_equal(rows_of(schedule(), epoch=1, first_call=1), whole[12:])
    assert not np.array_equal(rows_of(schedule(seed=6)), whole)


def rows_by_definition(schedule, epoch, call):
    """A call's rows, cut from an order that is drawn for it alone."""
    seed = tf.constant([schedule.seed ^ SHUFFLE, epoch], tf.int64)
    order = tf.random.experimental.stateless_shuffle(tf.range(schedule.num_samples), seed).numpy()
    size = schedule.steps_per_execution * schedule.rows_per_step
    rows = order[call * size : (call + 1) * size]
    return np.pad(rows, (0, size - len(rows))).reshape(schedule.steps_per_execution, -1)


def test_every_call_has_its_part_of_its_epochs_order():
    schedule = Schedule(70, 8, epochs=3, steps_per_execution=3, seed=5)
    assert schedule.calls_per_epoch == 3
    for epoch, first in ((0, 0), (1, 2)):
        found = list(schedule.blocks(epoch, first).as_numpy_iterator())
        expected = [(e, c) for e in range(epoch, 3) for c in range(3)][first:]
        assert len(found) == len(expected)
        for (rows, steps), where in zip(found, expected, strict=True):
            np.testing.assert_array_equal(rows, rows_by_definition(schedule, *where))
            assert steps == min(3, 8 - 3 * where[1])


def test_an_order_is_drawn_once_an_epoch(monkeypatch):
    """In an epoch that a resume starts in the middle of, too."""
    drawn = []
    shuffle = tf.random.experimental.stateless_shuffle

    def counted(values, seed):
        tf.py_function(lambda pair: drawn.append(int(pair[1])), [seed], [])
        return shuffle(values, seed)

    monkeypatch.setattr(tf.random.experimental, "stateless_shuffle", counted)
    schedule = Schedule(64, 8, epochs=3, steps_per_execution=1, seed=5)
    assert len(list(schedule.blocks(1, first_call=6))) == 10
    assert drawn == [1, 2]


@pytest.mark.parametrize(
    ("samples", "most", "steps", "calls"),
    [(60_000, 100, 94, 10), (1_500, 100, 23, 1), (64, 1, 1, 1), (6_464, 100, 51, 2)],
)
def test_epochs_are_cut_into_even_calls(samples, most, steps, calls):
    schedule = Schedule(samples, 64, epochs=1, steps_per_execution=most, seed=0)
    assert (schedule.steps_per_execution, schedule.calls_per_epoch) == (steps, calls)
    counts = [int(s) for _, s in schedule.blocks(0)]
    assert sum(counts) == samples // 64
    assert set(counts[:-1]) <= {steps}


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(DataError, match=r"takes 128 images.*has 64"):
        Schedule(64, 128, epochs=1, steps_per_execution=1, seed=0)


def test_an_iteration_within_a_call_is_refused():
    schedule = Schedule(64, 8, epochs=1, steps_per_execution=4, seed=0)
    assert [schedule.calls_from(n) for n in (0, 4)] == [0, 1]
    with pytest.raises(RunError, match="between two calls"):
        schedule.calls_from(3)


@pytest.mark.parametrize(
    ("jit", "conditional"), [(False, False), pytest.param(True, True, marks=pytest.mark.slow)]
)
def test_a_call_of_many_rounds_equals_the_rounds_one_by_one(jit, conditional):
    """Bit for bit: the same program in calls of 8 and of 3, 3 and 2 rounds."""
    results = []
    for most in (8, 3):
        gan = small(conditional=conditional)
        program = StepsProgram(gan, {"images": PIXELS, "labels": LABELS}, jit)
        schedule = Schedule(64, 8, epochs=2, steps_per_execution=most, seed=3)
        loop.run(program, schedule, gan)
        assert int(gan.iteration.numpy()) == 16
        results.append(values(gan))
    assert equal(*results)


def test_a_call_equals_train_step_on_the_rows_it_was_given():
    gan, by_hand = small(), small()
    program = StepsProgram(gan, {"images": PIXELS}, jit_compile=False)
    rows = np.arange(24).reshape(3, 8)[::-1].astype(np.int32)
    logs = program(iter([(tf.constant(rows), tf.constant(2))]))
    step = tf.function(by_hand.train_step, autograph=False)
    with programs.graphs_as_written():
        for row in rows[:2]:  # the third does not count
            expected = step(tf.constant(PIXELS[row]))
    assert equal(values(gan), values(by_hand))
    assert {k: float(v) for k, v in logs.items()} == {k: float(v) for k, v in expected.items()}


def test_logs_are_means_over_the_rounds_of_one_call_only():
    gan = small()
    program = StepsProgram(gan, {"images": PIXELS}, jit_compile=False)
    blocks = [(tf.constant([[n, n + 1]], tf.int32), tf.constant(1)) for n in range(3)]
    calls = iter(blocks)
    single = [float(program(calls)["V(D,G)"]) for _ in blocks]
    again = small()
    program = StepsProgram(again, {"images": PIXELS}, jit_compile=False)
    rows = tf.constant([[n, n + 1] for n in range(3)], tf.int32)
    together = float(program(iter([(rows, tf.constant(3))]))["V(D,G)"])
    assert together == pytest.approx(np.mean(single), rel=1e-6)
    assert len(set(single)) == 3


def test_tensorflows_rewriter_is_off_within_a_call_only():
    seen = []
    options = tf.config.optimizer.get_experimental_options
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    program = StepsProgram(small(), {"images": PIXELS}, jit_compile=False)
    program.run = lambda rows, steps: seen.append(options()["disable_meta_optimizer"])
    program(iter([(None, None)]))
    assert seen == [True]
    assert options()["disable_meta_optimizer"] is False


def test_the_program_is_traced_once():
    gan = small()
    program = StepsProgram(gan, {"images": PIXELS}, jit_compile=False)
    schedule = Schedule(64, 8, epochs=3, steps_per_execution=3, seed=0)  # a shorter last call
    loop.run(program, schedule, gan)
    assert program.run.experimental_get_tracing_count() == 1


def test_images_stay_bytes_in_the_program():
    gan = small()
    program = StepsProgram(gan, {"images": PIXELS}, jit_compile=False)
    blocks = (tf.constant([[0, 1]], tf.int32), tf.constant(1))
    captured = program.run.get_concrete_function(*blocks).captured_inputs
    assert [t.dtype for t in captured if t.shape == PIXELS.shape] == [tf.uint8]


def test_xla_is_chosen_for_dense_networks_on_a_cpu():
    dense, convolutional, maxout = small("mlp"), small("dcgan"), small("maxout")

    def chosen(setting, gan):
        return choose_jit(setting, gan.generator, gan.discriminator)

    assert not tf.config.list_logical_devices("GPU"), "this test describes a CPU"
    assert chosen("auto", dense) is True
    assert chosen("auto", maxout) is True
    assert chosen("auto", convolutional) is False  # spectrally normalised convolutions too
    assert chosen(False, dense) is False
    assert chosen(True, convolutional) is True
    plain = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2DTranspose(1, 3)])
    assert programs.choose_jit("auto", plain) is False
