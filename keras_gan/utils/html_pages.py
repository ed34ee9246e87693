"""Pages of HTML with everything in them: one file, no script, nothing from elsewhere."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable
from pathlib import Path

from keras_gan import __version__
from keras_gan.utils.errors import RunError
from keras_gan.utils.files import write_text

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem;
        color: #222 }}
h1 {{ font-size: 1.5rem }} h2 {{ font-size: 1.15rem; margin-top: 2rem }}
table {{ border-collapse: collapse }} th, td {{ padding: .25rem .7rem; text-align: left;
        border-bottom: 1px solid #ddd; vertical-align: top }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }}
td.best {{ font-weight: 600 }} .warning {{ background: #fff3d6; padding: .5rem .8rem }}
img {{ max-width: 100%; image-rendering: auto }} .note {{ color: #666; font-size: .85em }}
.grids {{ display: flex; flex-wrap: wrap; gap: 1rem }} figure {{ margin: 0 }}
</style>
<h1>{title}</h1>
{body}
<p class="note">keras-gan {version}</p>
</html>
"""


def write(path: Path, title: str, sections: Iterable[str]) -> Path:
    """Writes a page of sections of HTML; returns its path.

    Raises:
        RunError: it can't be written.
    """
    text = _PAGE.format(title=html.escape(title), body="\n".join(sections), version=__version__)
    try:
        write_text(path, text)
    except OSError as error:
        raise RunError(f"Can't write {path}: {error.strerror or error}.") from error
    return path


def picture(png: bytes, title: str) -> str:
    """A PNG within the page itself; `title` is for those who can't see it."""
    return f'<img alt="{html.escape(title)}" src="{data_url(png)}">'


def data_url(png: bytes) -> str:
    """A URL that holds a PNG itself."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def figure(png: bytes, caption: str) -> str:
    """A picture with a caption under it."""
    text = f"<figcaption class=note>{html.escape(caption)}</figcaption>"
    return f"<figure>{picture(png, caption)}{text}</figure>"
