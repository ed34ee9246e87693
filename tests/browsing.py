"""A headless Chromium for tests, and proof of what a page asked for."""

from __future__ import annotations

import contextlib
import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

#: Debian's name and others'.
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
LOOPBACK = {"127.0.0.1", "localhost"}


@contextlib.contextmanager
def browser_page(width: int = 1280, height: int = 900) -> Iterator:
    """A page that can reach this machine only; at the end, that it has asked nobody else.

    Skips where there is no Chromium or no playwright.
    """
    api = pytest.importorskip("playwright.sync_api", reason="pip install 'keras-gan[browser]'")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("no Chromium: apt-get install chromium")
    outside: list[str] = []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            # Names of hosts outside can't be resolved: the network is off.
            args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
        )
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(300_000)  # of busy machines

        def note(request):
            parts = urlsplit(request.url)
            if parts.scheme.startswith(("http", "ws")) and parts.hostname not in LOOPBACK:
                outside.append(request.url)

        page.on("request", note)
        yield page
        browser.close()
    assert outside == []


def changed(page, selector: str, before: str | None, attribute: str = "src") -> str:
    """Waits until an element's attribute is another than before, and returns it."""
    page.wait_for_function(
        "([selector, attribute, before]) => {"
        " const found = document.querySelector(selector);"
        " const now = found && found.getAttribute(attribute);"
        " return now && now !== before}",
        arg=[selector, attribute, before],
    )
    return page.locator(selector).first.get_attribute(attribute)


@contextlib.contextmanager
def served(folder: Path | str) -> Iterator[str]:
    """Serves a folder as any static host does, until the block's end; yields its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
