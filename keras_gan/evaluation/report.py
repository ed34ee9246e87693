"""`evaluation/report.html`: one page with everything in it, and its pictures as PNGs beside it."""

from __future__ import annotations

import html
import io
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure as Plot

from keras_gan.evaluation import plots
from keras_gan.evaluation.evidence import Evidence
from keras_gan.evaluation.metrics.modes import class_shares
from keras_gan.evaluation.metrics.neighbours import nearest
from keras_gan.evaluation.metrics.registry import MetricResult
from keras_gan.evaluation.protocol import FOLDER, Evaluation
from keras_gan.utils import html_pages, image_grids
from keras_gan.utils.errors import EvaluationError, RunError
from keras_gan.utils.files import replaced_file
from keras_gan.utils.pixels import flat

_GRID, _NEIGHBOURS, _MOST_CLASSES, _MOST_ROWS = 100, 10, 60, 1000
SAMPLES = "samples.png"


def write(evaluation: Evaluation) -> Path:
    """Writes `evaluation/report.html` and its PNGs; returns the page's path.

    Raises:
        RunError: they can't be written.
    """
    folder = evaluation.run.path / FOLDER
    images = _pictures(evaluation)
    sections = [_origin(evaluation), _warnings(evaluation), _numbers(evaluation.results)]
    sections.append(class_table(evaluation.results))
    for name, (title, text, picture) in images.items():
        save(folder / f"{name}.png", picture)
        sections.append(f"<h2>{title}</h2><p class=note>{text}</p>{_embedded(picture, title)}")
    title = f"{evaluation.run.config.name}: how good is it?"
    return html_pages.write(folder / "report.html", title, sections)


def write_comparison(evaluations: Sequence[Evaluation], path: Path) -> Path:
    """Writes one page on several runs: a table with the best of each row, and their samples.

    Args:
        evaluations: whose reports have been written.
        path: of the page.
    """
    labels = [str(e.run.path) for e in evaluations]
    sections = [
        "<h2>Metrics</h2>",
        *map(_about, evaluations),
        _comparison_table(evaluations),
        "<h2>Samples</h2>",
    ]
    grids = (
        html_pages.figure((e.run.path / FOLDER / SAMPLES).read_bytes(), label)
        for e, label in zip(evaluations, labels, strict=True)
    )
    sections.append(f"<div class=grids>{''.join(grids)}</div>")
    return html_pages.write(path, "Runs side by side", sections)


def table(evaluations: Sequence[Evaluation]) -> list[tuple[str, ...]]:
    """(metric, value of each run, ..., that of real images) rows; `-` where there is none."""
    found = [{r.name: r for r in e.results} for e in evaluations]
    names = list(dict.fromkeys(itertools.chain.from_iterable(found)))
    results = (r for e in evaluations for r in e.results)
    references = {r.name: r.reference for r in results if r.reference is not None}
    return [
        (
            name,
            *(_value(f[name]) if name in f else "-" for f in found),
            _short(references[name]) if name in references else "-",
        )
        for name in names
    ]


# ------------------------------------------------------------------------ the parts


def _pictures(evaluation: Evaluation) -> dict[str, tuple[str, str, np.ndarray | Plot]]:
    """{file: (title, what it shows, picture)}."""
    evidence, found = evaluation.evidence, {}
    found["samples"] = ("Samples", "Drawn by seed, not selected.", _samples(evidence, _GRID))
    curves = plots.curves(evaluation.run.metrics(), evaluation.run.gan)
    if curves is not None:
        text = "Means over a call. V(D,G) of the held-out discriminator is the honest one."
        found["curves"] = ("Training", text, curves)
    for name, title, text, draw in (
        (
            "histogram",
            "Classes",
            "As the classifier sees them.",
            _histogram,
        ),
        (
            "neighbours",
            "Nearest training images",
            "Samples, and to the right of each its nearest training image: in pixels, and in "
            "features where there is an extractor. Copies would be alike in every stroke.",
            _neighbours,
        ),
    ):
        try:
            picture = draw(evidence)
        except EvaluationError:
            continue  # the warnings say why
        if picture is not None:
            found[name] = (title, text, picture)
    return found


def _samples(evidence: Evidence, count: int) -> np.ndarray | Plot:
    if not evidence.train.is_image:
        return plots.points(evidence.samples, evidence.rows("train"))
    return image_grids.grid(evidence.images[:count])


def _histogram(evidence: Evidence) -> Plot | None:
    names = evidence.train.class_names
    if evidence.extractor is None or names is None or len(names) > _MOST_CLASSES:
        return None
    found, real = (
        class_shares(p.argmax(axis=1), len(names))
        for p in (evidence.of_samples.probabilities, evidence.of_real.probabilities)
    )
    return plots.histogram(found, real, names)


def _neighbours(evidence: Evidence) -> np.ndarray | None:
    """Rows of (sample, its nearest training images): the paper's rightmost column."""
    if not evidence.train.is_image:
        return None
    some = slice(0, 3 * _NEIGHBOURS)
    columns = [evidence.images[some]]
    _, rows = nearest(flat(evidence.images[some]), evidence.rows("train")[evidence.seen])
    columns.append(evidence.train.images[evidence.seen][rows[:, 0]])
    if evidence.extractor is not None and evidence.extractor.name != "pixels":
        _, rows = nearest(
            evidence.of_samples.features[some], evidence.train_features[evidence.seen]
        )
        columns.append(evidence.train.images[evidence.seen][rows[:, 0]])
    together = np.stack(columns, axis=1)
    return image_grids.grid(together.reshape(-1, *together.shape[2:]), columns=3 * len(columns))


def _origin(evaluation: Evaluation) -> str:
    run, origin, judged = evaluation.run, evaluation.origin, ""
    if "classifier_accuracy" in origin:
        right = origin["classifier_accuracy"]
        judged = f" The classifier is right about {right:.1%} of images that it has not seen."
    return (
        f"<p>Run <code>{html.escape(str(run.path))}</code>, {origin['checkpoint']} checkpoint "
        f"(step {origin['iteration']}), {origin['samples']:,} samples of seed {origin['seed']} "
        f"beside {origin['against']} images of {html.escape(str(run.config.data.name))}."
        f"{judged}</p>"
    )


def _warnings(evaluation: Evaluation) -> str:
    return "".join(f"<p class=warning>{html.escape(line)}</p>" for line in evaluation.warnings)


def _about(evaluation: Evaluation) -> str:
    return _origin(evaluation) + _warnings(evaluation)


def _numbers(results: Sequence[MetricResult]) -> str:
    rows = [
        f"<tr><td><code>{html.escape(r.name)}</code></td><td class=number>{_value(r)}</td>"
        f"<td class=number>{'' if r.reference is None else _short(r.reference)}</td>"
        f"<td>{r.better}</td><td class=note>{html.escape(r.note)}</td></tr>"
        for r in results
    ]
    head = "<tr><th>metric</th><th>samples</th><th>real images</th><th>better</th><th></th></tr>"
    return f"<h2>Metrics</h2><table>{head}{''.join(rows)}</table>"


def class_table(results: Sequence[MetricResult]) -> str:
    """Return HTML with a row per class of the results that have values per class, or nothing."""
    known = [r for r in results if r.by_class]
    if not known:
        return ""
    head = "".join(f"<th><code>{r.name}</code></th><th>real images</th>" for r in known)
    rows = []
    for name in list(dict.fromkeys(n for r in known for n in r.by_class))[:_MOST_ROWS]:
        numbers = [number for r in known for number in r.by_class.get(name, (None, None))]
        cells = "".join(
            f"<td class=number>{'' if number is None else _short(number)}</td>"
            for number in numbers
        )
        rows.append(f"<tr><td>{html.escape(name)}</td>{cells}</tr>")
    return f"<h2>By class</h2><table><tr><th>class</th>{head}</tr>{''.join(rows)}</table>"


def _comparison_table(evaluations: Sequence[Evaluation]) -> str:
    columns = [{r.name: r for r in e.results} for e in evaluations]
    head = "".join(f"<th>{html.escape(str(e.run.path))}</th>" for e in evaluations)
    rows = []
    for name, result in {name: r for column in columns for name, r in column.items()}.items():
        found = [column.get(name) for column in columns]
        values = [r.value for r in found if r is not None and np.isfinite(r.value)]
        choose = {"lower": min, "higher": max}.get(result.better, lambda values, default: None)
        best = choose(values, default=None)
        cells = "".join(
            "<td></td>"
            if r is None
            else f"<td class='number{' best' if r.value == best else ''}'>{_value(r)}</td>"
            for r in found
        )
        real = "" if result.reference is None else _short(result.reference)
        rows.append(f"<tr><td><code>{name}</code></td>{cells}<td class=number>{real}</td></tr>")
    return f"<table><tr><th>metric</th>{head}<th>real images</th></tr>{''.join(rows)}</table>"


def _value(result: MetricResult) -> str:
    error = "" if result.error is None else f" ± {_short(result.error)}"
    return f"{_short(result.value)}{error}"


def _short(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _png(picture: np.ndarray | Plot) -> bytes:
    if not isinstance(picture, Plot):
        return image_grids.as_png(picture)
    file = io.BytesIO()
    picture.savefig(file, format="png")
    return file.getvalue()


def save(path: Path, picture: np.ndarray | Plot) -> None:
    """Writes a picture as PNG, or raises RunError."""
    try:
        with replaced_file(path) as temporary:
            temporary.write_bytes(_png(picture))
    except OSError as error:
        raise RunError(f"Can't write {path}: {error.strerror or error}.") from error


def _embedded(picture: np.ndarray | Plot, title: str) -> str:
    return html_pages.picture(_png(picture), title)
