"""What a sweep has found: means over seeds, as rows, as JSON and as a page."""

from __future__ import annotations

import contextlib
import dataclasses
import html
import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

from keras_gan.apps.sweep.plan import Plan
from keras_gan.apps.sweep.sweeping import Sweeping
from keras_gan.runs import Run
from keras_gan.utils import html_pages
from keras_gan.utils.errors import RunError
from keras_gan.utils.files import write_text
from keras_gan.utils.strict_yaml import write as as_yaml

PAGE, TABLE = "sweep.html", "sweep.json"
_EVALUATED = "evaluation/"
#: What training itself logs of its samples, and which of two values is better.
_ONLINE = {
    "online/energy_distance": "lower",
    "online/bin_tv": "lower",
    "held_out/jensen_shannon": "lower",
}
_SHOWN_SEEDS = 3


@dataclasses.dataclass(frozen=True)
class Row:
    """The runs of one group.

    Attributes:
        group: recipe and choices.
        runs: that have come to their end, by seed.
        values: {metric: its last value of each run}, runs without one left out.
        failed: {seed: why there is no result}.
    """

    group: tuple[str, ...]
    runs: tuple[Run, ...]
    values: dict[str, tuple[float, ...]]
    failed: dict[int, str]

    def mean(self, metric: str) -> float | None:
        """Over seeds; None where no run has the metric."""
        return statistics.fmean(self.values[metric]) if self.values.get(metric) else None

    def spread(self, metric: str) -> float | None:
        """The sample standard deviation over seeds; None for fewer than two."""
        values = self.values.get(metric, ())
        return statistics.stdev(values) if len(values) > 1 else None


def collect(sweeping: Sweeping, failed: dict[str, str]) -> list[Row]:
    """Reads the runs of a sweep: a row a group, in the order of the plan.

    Args:
        sweeping: what was played.
        failed: what `Sweeping.play` has returned.
    """
    groups: dict[tuple[str, ...], list] = {}
    for cell in sweeping.plan.cells:
        groups.setdefault(cell.group, []).append(cell)
    rows = []
    for group, cells in groups.items():
        done = [cell for cell in cells if cell.name not in failed]
        runs = tuple(Run(sweeping.run(cell)) for cell in done)
        found = [_last_values(run) for run in runs]
        names = dict.fromkeys(name for one in found for name in one)
        rows.append(
            Row(
                group,
                runs,
                {name: tuple(one[name] for one in found if name in one) for name in names},
                {cell.config.seed: failed[cell.name] for cell in cells if cell.name in failed},
            )
        )
    return rows


def _last_values(run: Run) -> dict[str, float]:
    last = run.last_metrics().items()
    return {k: float(v) for k, v in last if isinstance(v, int | float) and k != "iteration"}


def metrics(plan: Plan, rows: Sequence[Row]) -> dict[str, str]:
    """{metric of the table: which is better}: those of `evaluate`, else those of training."""
    better: dict[str, str] = {}
    for row in rows if plan.evaluate is not None else ():
        for run in row.runs:
            with contextlib.suppress(OSError, ValueError, KeyError):
                told = json.loads((run.path / "evaluation" / "evaluation.json").read_text("utf-8"))
                better |= {_EVALUATED + f["name"]: f["better"] for f in told["results"]}
    better = {k: v for k, v in better.items() if any(k in row.values for row in rows)}
    return better or {k: v for k, v in _ONLINE.items() if any(k in row.values for row in rows)}


def as_json(plan: Plan, rows: Sequence[Row]) -> list[dict]:
    """One table a group: its recipe and choices, how many seeds, each metric of each run."""
    return [
        {
            **dict(zip(("recipe", *plan.axes), row.group, strict=True)),
            "seeds": [run.config.seed for run in row.runs],
            "runs": [str(run.path) for run in row.runs],
            "metrics": {
                name: {"mean": row.mean(name), "spread": row.spread(name), "values": values}
                for name, values in row.values.items()
                if all(map(math.isfinite, values))
            },
            "failed": {str(seed): problem for seed, problem in row.failed.items()},
        }
        for row in rows
    ]


def table(plan: Plan, rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Rows of cells, the first one their titles."""
    names = metrics(plan, rows)
    titles = ("recipe", *plan.axes, "seeds", *(n.removeprefix(_EVALUATED) for n in names))
    return [
        titles,
        *((*row.group, str(len(row.runs)), *(_cell(row, name) for name in names)) for row in rows),
    ]


def _cell(row: Row, metric: str) -> str:
    mean, spread = row.mean(metric), row.spread(metric)
    if mean is None:
        return "-"
    return f"{mean:.4g}" + ("" if spread is None else f" ± {spread:.2g}")


# ----------------------------------------------------------------------------- files


def write(sweeping: Sweeping, rows: Sequence[Row]) -> Path:
    """Writes `sweep.json` and `sweep.html`; returns the latter's path.

    Raises:
        RunError: they can't be written.
    """
    plan, path = sweeping.plan, sweeping.out / TABLE
    try:
        write_text(path, json.dumps(as_json(plan, rows), indent=1))
    except OSError as error:
        raise RunError(f"Can't write {path}: {error.strerror or error}.") from error
    sections = [
        _about(plan, rows),
        _problems(rows),
        "<h2>Metrics</h2>",
        _html_table(plan, rows),
        "<h2>Samples</h2>",
        *map(_samples, rows),
        "<h2>Choices</h2>",
        _choices(plan),
    ]
    return html_pages.write(sweeping.out / PAGE, f"Sweep {plan.name}", sections)


def _about(plan: Plan, rows: Sequence[Row]) -> str:
    done = sum(len(row.runs) for row in rows)
    return (
        f"<p>{done} of {len(plan.cells)} runs. Values are means over seeds ± the sample standard "
        "deviation of one run; the best mean of a column is bold, which says nothing where "
        "spreads overlap.</p>"
    )


def _problems(rows: Sequence[Row]) -> str:
    lines = [
        f"<p class=warning>{html.escape(' '.join(row.group))}, seed {seed}: {html.escape(why)}</p>"
        for row in rows
        for seed, why in row.failed.items()
    ]
    return "\n".join(lines)


def _html_table(plan: Plan, rows: Sequence[Row]) -> str:
    names = metrics(plan, rows)
    best = {name: _best(rows, name, better) for name, better in names.items()}
    lines = ["<tr>" + "".join(f"<th>{html.escape(t)}</th>" for t in table(plan, rows)[0]) + "</tr>"]
    for row in rows:
        cells = [f"<td>{html.escape(text)}</td>" for text in (*row.group, str(len(row.runs)))]
        for name in names:
            bold = " best" if best[name] is not None and row.mean(name) == best[name] else ""
            cells.append(f"<td class='number{bold}'>{_cell(row, name)}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _best(rows: Sequence[Row], metric: str, better: str) -> float | None:
    choose = {"lower": min, "higher": max}.get(better)
    means = [m for row in rows if (m := row.mean(metric)) is not None and math.isfinite(m)]
    return choose(means) if choose and len(means) > 1 else None


def _samples(row: Row) -> str:
    figures = []
    for run in row.runs[:_SHOWN_SEEDS]:
        drawn = sorted((run.path / "samples").glob("*.png"))
        if drawn:
            caption = f"{' '.join(row.group)}, seed {run.config.seed}, step {int(drawn[-1].stem)}"
            figures.append(html_pages.figure(drawn[-1].read_bytes(), caption))
    return f"<div class=grids>{''.join(figures)}</div>"


def _choices(plan: Plan) -> str:
    return "".join(
        f"<h3>{html.escape(axis)}</h3><pre>{html.escape(as_yaml(choices))}</pre>"
        for axis, choices in plan.choices.items()
    )
