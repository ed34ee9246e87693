"""`keras-gan export`."""

import json
import re
from pathlib import Path

from conftest import QUICK

from keras_gan.exporters import onnx


def test_the_newest_run_is_exported_and_said_to_be(cli):
    assert cli("fit", "digits", "--epochs", 1, *QUICK).exit_code == 0
    kinds = ["--format", "onnx", "--format", "saved_model", "--format", "litert"]
    result = cli("export", *kinds)
    assert result.exit_code == 0, result.stderr
    (run,) = Path("runs/digits").iterdir()
    out = run / "export"
    written = [out / "digits.onnx", out / "digits.tflite", out / "digits/1"]
    assert result.stdout.split() == [str(path) for path in written]
    assert all(path.exists() for path in written)
    *said, last = [line for line in result.stderr.splitlines() if not line.startswith("INFO:")]
    for line, kind in zip(said, ("onnx", "litert", "saved_model"), strict=True):
        assert line.startswith(kind)
        assert re.search(
            r"differs from Keras by at most \S+ \(allowed: \S+\), on average \S+$", line
        )
    assert last == f"how to run them: {out / 'README.md'}"


def test_json_is_a_line_a_file_and_nothing_else(plain_run, cli):
    out = Path("files")
    result = cli("export", plain_run, "--json", "--out", out, "--format=onnx", "--format=keras")
    assert result.exit_code == 0, result.stderr
    files = [json.loads(line) for line in result.stdout.splitlines()]
    assert [file["path"] for file in files] == [str(out / "digits.onnx"), str(out / "digits.keras")]
    told = json.loads((out / "export.json").read_text())["files"]
    for file in files:
        path = Path(file.pop("path"))
        assert file == told[path.name]
        assert file["bytes"] == path.stat().st_size


def test_mistakes_are_usage_errors(plain_run, cli):
    for arguments, message in (
        (["--format", "onxx"], "Did you mean `onnx`"),
        (["--format", "onnx", "--opset", "11"], "17 or 18"),
        (["--opset", "18"], "--opset has no effect on saved_model, only on onnx"),
        (["--format", "onnx", "--version", "2"], "--version has no effect on onnx, only on"),
        (["--version", "0"], "1<=x<=9223372036854775807"),
        (["--version", str(2**63)], "1<=x<=9223372036854775807"),
        (["--weights", "best"], "'ema', 'raw'"),
    ):
        result = cli("export", plain_run, *arguments)
        assert result.exit_code == 2 and message in result.stderr
    assert not (plain_run / "export").exists()


def test_no_run_at_all(cli):
    result = cli("export")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: There are no runs in runs")


def test_the_default_opset_is_the_exporters(cli):
    assert f"default: {onnx.DEFAULT_OPSET}" in cli("export", "--help").output
