"""`keras-gan demo`."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import signal
import tempfile
import threading

import click

from keras_gan.cli.common import RunPath, checkpoint_option, import_tensorflow
from keras_gan.utils import processes
from keras_gan.utils.errors import ConfigError, KerasGanError


@click.command()
@click.argument("model", required=False, type=RunPath(), metavar="[RUN|MODEL.onnx]")
@checkpoint_option
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0: anyone may come.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="By default the first free one from 7860."
)
@click.option("--open", "in_browser", is_flag=True, help="Open the page in a browser.")
def demo(model, checkpoint, host, port, in_browser) -> None:
    """Play with a trained generator on a page of this machine.

    Of RUN (by default the newest), which may still be training, or of an ONNX file that
    `keras-gan export` has written. The page asks nothing of the outside world.
    """
    if importlib.util.find_spec("gradio") is None:
        raise KerasGanError(
            "The demo needs a package that is not installed: pip install 'keras-gan[demo]'."
        )
    is_file = model is not None and model.suffix == ".onnx"
    if is_file and checkpoint != "newest":
        raise ConfigError("--checkpoint is for a RUN: an ONNX file holds one generator.")
    if not is_file:
        from keras_gan import runs

        model = runs.load(model, checkpoint).path  # what fails, fails before TensorFlow comes
    import_tensorflow()
    from keras_gan.apps.demo import models
    from keras_gan.apps.demo.playground import Playground

    opened = functools.partial(models.of_onnx, model)
    if not is_file:
        opened = functools.partial(models.of_run, model, checkpoint)
    _serve(Playground(opened), host, port, in_browser)


def _serve(playground, host: str, port: int | None, in_browser: bool) -> None:
    with tempfile.TemporaryDirectory(
        prefix="keras-gan-demo-", ignore_cleanup_errors=True
    ) as folder:
        _prepare(host, folder)
        from keras_gan.apps.demo import page

        click.echo(f"demo of {playground.model.title}; Ctrl-C ends it", err=True)
        blocks = page.build(playground)
        try:
            _, address, _ = blocks.launch(
                server_name=host,
                server_port=port,
                share=False,
                inbrowser=in_browser,
                quiet=True,
                prevent_thread_lock=True,
                enable_monitoring=False,
                footer_links=[],
                max_file_size="20mb",
                ssr_mode=False,
                css=page.CSS,
            )
        except OSError as error:
            text = f"The page can't be served: {error}. Name another --port."
            raise KerasGanError(text) from error
        click.echo(address)
        with processes.handling(signal.default_int_handler, signal.SIGTERM):
            with contextlib.suppress(KeyboardInterrupt):
                threading.Event().wait()
            blocks.close(verbose=False)


def _prepare(host: str, folder: str) -> None:
    """Sets what Gradio reads when it is imported or launched."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_RUN_HISTORY"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["GRADIO_TEMP_DIR"] = folder  # what is uploaded and downloaded goes with it
    # Gradio asks its own page whether it is there; a proxy would be asked in its place.
    outside = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    os.environ["no_proxy"] = ",".join(filter(None, (outside, host, "127.0.0.1", "localhost")))
