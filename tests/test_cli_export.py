"""`keras-gan export`."""

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
    for line, kind in zip(
        result.stderr.splitlines(), ("onnx", "litert", "saved_model"), strict=False
    ):
        assert line.startswith(kind) and "differs from Keras by at most" in line
    assert f"how to run them: {out / 'README.md'}" in result.stderr


def test_mistakes_are_usage_errors(plain_run, cli):
    for arguments, message in (
        (["--format", "onxx"], "Did you mean `onnx`"),
        (["--opset", "11"], "17 or 18"),
        (["--version", "0"], "x>=1"),
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
