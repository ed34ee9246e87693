"""Runs: directories that hold what was trained, logged and kept.

Names that lead to TensorFlow are in the modules themselves.
"""

from keras_gan.runs.directory import (
    CONFIG,
    FACTS,
    LONGEST_ROW,
    METRICS,
    RunDirectory,
    check_new,
    list_runs,
    newest,
    resume_command,
    runs_root,
)
from keras_gan.runs.loading import Run, load

__all__ = [
    "CONFIG",
    "FACTS",
    "LONGEST_ROW",
    "METRICS",
    "Run",
    "RunDirectory",
    "check_new",
    "list_runs",
    "load",
    "newest",
    "resume_command",
    "runs_root",
]
