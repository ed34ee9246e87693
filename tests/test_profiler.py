"""`fit --profile`: a trace that TensorBoard's profiler shows."""

from conftest import QUICK

from keras_gan.training.callbacks import profiler


def fit(cli, folder, *more):
    """A run of six calls of 8, 8 and 7 steps, and what was said of it."""
    return folder / "run", cli("fit", "digits", "--run-dir", folder / "run", *QUICK, *more)


def test_the_third_call_is_traced(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(profiler, "viewer_is_installed", lambda: False)
    run, result = fit(cli, tmp_path, "--profile", "--epochs=2")
    assert result.exit_code == 0, result.stderr
    (trace,) = (run / "tensorboard").glob("plugins/profile/*/*.xplane.pb")
    content = trace.read_bytes()
    assert profiler.EVENT.encode() in content  # what the viewer takes for a step
    assert b"__inference_run" in content  # the compiled steps
    assert b"MatMul" in content  # and what they compute
    assert "pip install tensorboard-plugin-profile" in result.stderr
    assert f"profile: {trace.parent}" in result.stderr
    events = [p for p in (run / "tensorboard").iterdir() if "tfevents" in p.name]
    assert events  # without which TensorBoard does not look for a profile


def test_a_training_of_fewer_calls_has_its_last_one_traced(cli, tmp_path, monkeypatch):
    monkeypatch.setattr(profiler, "viewer_is_installed", lambda: True)
    one_call = "--set=training.steps_per_execution=100"
    run, result = fit(cli, tmp_path, "--profile", "--epochs=1", one_call)
    assert result.exit_code == 0, result.stderr
    assert len(list((run / "tensorboard").glob("plugins/profile/*/*.xplane.pb"))) == 1
    assert "pip install" not in result.stderr


def test_without_the_option_nothing_is_traced(plain_run):
    assert not (plain_run / "tensorboard" / "plugins").exists()
