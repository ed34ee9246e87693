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


@pytest.mark.slow
def test_four_kills_four_damages_and_two_full_disks():
    told = chaos("--recipe=digits", "--epochs=30", "--kills=4", "--flips=4", "--fills=2")
    assert "4 while it trained" in told
    assert "4 detected" in told
    assert "2 times, by a" in told


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["mnist_maxout", "spectral"])
def test_dropout_and_spectral_norm_survive_a_kill(recipe):
    told = chaos(f"--recipe={recipe}", "--epochs=20", "--kills=1", "--flips=0", "--fills=0")
    assert "1 while it trained" in told
