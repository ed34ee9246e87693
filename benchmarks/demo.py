"""How soon the demo answers a slider move: python benchmarks/demo.py [RUN|MODEL.onnx].

Serves the page as `keras-gan demo` does, moves the first principal direction in a headless
Chromium, and measures from the move to the new picture in the page. Prints the median, the
90th percentile and the largest of --moves (50), in milliseconds.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

#: Moves a slider as a person does, and waits in the page itself, frame by frame.
MOVE = """async ([slider, picture, value]) => {
  const input = [...document.querySelectorAll(slider)].find((e) => e.offsetParent);
  const image = document.querySelector(picture);
  const before = image.getAttribute("src");
  const started = performance.now();
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(input, value);
  input.dispatchEvent(new Event("input", { bubbles: true }));
  while (true) {
    await new Promise(requestAnimationFrame);
    const now = document.querySelector(picture);
    if (now && now.complete && now.getAttribute("src") !== before) {
      return performance.now() - started;
    }
    if (performance.now() - started > 30000) throw new Error("no answer in 30 s");
  }
}"""
SLIDER = "input[type=range][aria-label='range slider for Direction 1']"
PICTURE = "#explored img"


def moves(page, count: int) -> list[float]:
    """Milliseconds of each move; two before them are not counted."""
    page.get_by_role("tab", name="Explore", exact=True).click()
    page.wait_for_selector(PICTURE)
    taken = []
    for number in range(count + 2):
        value = f"{-3 + 6 * ((number * 7) % 50) / 50 + 0.05:.2f}"
        taken.append(page.evaluate(MOVE, [SLIDER, PICTURE, value]))
        page.wait_for_timeout(50)
    return taken[2:]


@contextlib.contextmanager
def served(model: list[str]) -> Iterator[str]:
    """`keras-gan demo`, until the block's end; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "keras_gan", "demo", *model, "--port", str(port)]
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        with open(said, "w") as file:
            server = subprocess.Popen(command, stdout=file, stderr=file, env=os.environ)
        try:
            while not (found := re.search(r"^http://\S+", said.read_text(), re.MULTILINE)):
                if server.poll() is not None:
                    raise SystemExit(said.read_text())
                time.sleep(0.2)
            yield found[0]
        finally:
            server.terminate()
            server.wait(30)


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="*", help="Run or ONNX file; by default the newest run.")
    parser.add_argument("--moves", type=int, default=50)
    arguments = parser.parse_args()
    with served(arguments.model) as address, sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(address)
        taken = sorted(moves(page, arguments.moves))
        browser.close()
    high = taken[round(0.9 * (len(taken) - 1))]
    print(
        f"{len(taken)} moves: median {statistics.median(taken):.0f} ms, 90th percentile "
        f"{high:.0f} ms, largest {taken[-1]:.0f} ms"
    )


if __name__ == "__main__":
    main()
