"""A few of the kills, damages and full disks of `tests/chaos/run.py`, which has them all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("chaos") / "run.py"


def chaos(*options: str) -> str:
    """Runs the script; its table says what did not hold."""
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), *options]
    result = subprocess.run(command, capture_output=True, text=True, env=one_thread)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_a_training_that_is_killed_and_whose_checkpoints_are_damaged():
    told = chaos("--recipe=tiny", "--kills=1", "--flips=3", "--fills=0")
    assert "1 while it trained, then exit code 0" in told
    assert "3 detected" in told


@pytest.mark.slow
def test_eight_kills_and_three_full_disks():
    told = chaos("--recipe=digits", "--epochs=60", "--kills=8", "--flips=8", "--fills=3")
    assert "8 while it trained" in told
    assert "3 times, by a" in told


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["mnist_maxout", "spectral"])
def test_dropout_and_spectral_norm_are_killed_three_times(recipe):
    told = chaos(f"--recipe={recipe}", "--epochs=40", "--kills=3", "--flips=0", "--fills=0")
    assert "3 while it trained" in told
