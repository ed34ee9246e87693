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
def test_two_kills_two_damages_and_a_full_disk():
    """Of a game with spectral norm."""
    told = chaos("--recipe=spectral", "--epochs=30", "--kills=2", "--flips=2", "--fills=1")
    assert "2 while it trained" in told
    assert "2 detected" in told
    assert "1 times, by a" in told
