"""`keras-gan theory`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from keras_gan.cli.common import import_tensorflow
from keras_gan.cli.fit import Recipe
from keras_gan.utils.errors import ConfigError

_OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default="theory",
    show_default=True,
    help="Folder for the figures.",
)
_RECIPE = click.option(
    "--recipe",
    type=Recipe(),
    default="gaussian_1d",
    show_default=True,
    help="One on a toy density: gaussian_1d, ring_8, grid_25, or a YAML file.",
)
#: What a game on a known density has no use for: it writes no run, and shows G as it is.
_NOT_OF_GAMES = ("loss.name", "training.steps_per_execution", "game.ema_decay", "output")
#: All that is used of a recipe where D plays alone.
_OF_DISCRIMINATOR = ("seed", "data.name", "network.family", "network.discriminator")


def _set(help: str):
    return click.option(
        "--set", "assignments", multiple=True, metavar="PATH=VALUE", help=f"{help} Repeatable."
    )


@click.group()
def theory() -> None:
    """Watch the theorems of the 2014 paper hold, on densities that are known."""


@theory.command()
@click.argument("losses", nargs=-1)
@_RECIPE
@_set(f"A setting of the recipe, as in `keras-gan fit`, but none of {', '.join(_NOT_OF_GAMES)}.")
@click.option(
    "--offset",
    type=float,
    default=4.0,
    show_default=True,
    help="Added to what the untrained G generates, so that it starts away from the data.",
)
@click.option(
    "--head-start",
    type=click.IntRange(0),
    default=500,
    show_default=True,
    help="Rounds for D alone before G moves.",
)
@_OUT
def games(losses, recipe, assignments, offset, head_start, out) -> None:
    """Play the game of several LOSSES (by default minimax and non_saturating) from one start.

    Writes games.png (V, JSD and the norm of G's gradient against the round), and for
    each game a figure of four moments and an animation; prints a table.
    """
    config, paths = _configure(recipe, assignments)
    for path in paths:
        if _within(path, _NOT_OF_GAMES):
            raise ConfigError(
                f"`--set {path}` has no effect on these games, which write no run and are named by "
                "arguments: keras-gan theory games minimax hinge."
            )
    import_tensorflow()
    from keras_gan.apps.theory import games as module
    from keras_gan.evaluation.densities import figures
    from keras_gan.games import losses as known

    names = list(dict.fromkeys(losses)) or ["minimax", "non_saturating"]
    for name in names:
        known.get(name)
    played = {}
    for name in names:
        played[name] = _play(module, config, name, offset, head_start)
        _draw(figures, played[name], out / name)
    figures.save(figures.games({n: game.rows for n, game in played.items()}), out / "games.png")
    click.echo(f"look at {out / 'games.png'}, LOSS.png and LOSS.gif", err=True)
    _print_games({name: game.rows for name, game in played.items()})


def _configure(recipe: str, assignments: tuple[str, ...]):
    """The recipe with what `--set` says, and the paths of all single settings that it makes."""
    from keras_gan.config import load_config, override, parse_assignments
    from keras_gan.data.densities import DENSITIES

    values = parse_assignments(assignments)
    config = override(load_config(recipe), values)
    if config.data.name not in DENSITIES:
        raise ConfigError(
            f"The density of {config.name}'s data is not known. Recipes on toy densities are: "
            f"{', '.join(DENSITIES)}."
        )
    return config, [leaf for path, value in values.items() for leaf in _leaves(path, value)]


def _leaves(path: str, value) -> list[str]:
    if not isinstance(value, dict) or not value:
        return [path]
    return [leaf for key, part in value.items() for leaf in _leaves(f"{path}.{key}", part)]


def _within(path: str, settings: tuple[str, ...]) -> bool:
    """Whether a path is one of the settings, or a part of one."""
    return any(f"{path}.".startswith(f"{setting}.") for setting in settings)


def _play(module, config, name, offset, head_start):
    from tqdm import tqdm

    click.echo(f"{name}: {config.training.epochs} epochs of {config.data.name}", err=True)
    with tqdm(unit="round", leave=False, disable=not sys.stderr.isatty()) as bar:

        def progress(rounds, total):
            bar.total = total
            bar.update(rounds - bar.n)

        return module.play(config, name, offset=offset, head_start=head_start, progress=progress)


def _draw(figures, game, path: Path) -> None:
    """PATH.png of four moments and PATH.gif."""
    shots = game.snapshots
    chosen = [shots[round(part * (len(shots) - 1))] for part in (0, 0.1, 0.3, 1)]
    figures.save(figures.moments(chosen, game.mixture), path.with_suffix(".png"))
    figures.animation(shots, game.mixture, path.with_suffix(".gif"))


def _print_games(histories: dict[str, list[dict[str, float]]]) -> None:
    """G's gradient norm in the first and the last row, and means over the last tenth."""
    ends = {"V(D,G)": "V", "jensen_shannon": "JSD", "optimal_value": "2 JSD - log 4"}
    ends = {k: title for k, title in ends.items() if k in next(iter(histories.values()))[0]}
    click.echo(_line("loss", "first gradient", "last gradient", *ends.values()))
    for name, rows in histories.items():
        norms = [rows[n]["gradient_norm/generator"] for n in (0, -1)]
        last = rows[-max(1, len(rows) // 10) :]
        means = [sum(row[key] for row in last) / len(last) for key in ends]
        click.echo(_line(name, *(f"{n:.3g}" for n in norms), *(f"{m:.4f}" for m in means)))


def _line(first: str, *cells: str) -> str:
    return f"{first:<16}" + "".join(f"{cell:>16}" for cell in cells)


@theory.command()
@_RECIPE
@_set(f"A setting of the recipe: {', '.join(_OF_DISCRIMINATOR)}.")
@click.option("--mean", type=float, default=1.5, show_default=True, help="Of p_g.")
@click.option(
    "--stddev",
    type=click.FloatRange(0, min_open=True),
    default=0.7,
    show_default=True,
    help="Of p_g.",
)
@click.option(
    "--rounds", type=click.IntRange(1), default=3000, show_default=True, help="Updates of D."
)
@_OUT
def discriminator(recipe, assignments, mean, stddev, rounds, out) -> None:
    """Train the recipe's D alone against a G that stands still, and compare it with D*.

    p_g is the normal distribution of --mean and --stddev. Writes discriminator.png;
    prints how far D is from D* and V(D,G) from 2 JSD - log 4.
    """
    config, paths = _configure(recipe, assignments)
    for path in paths:
        if not _within(path, _OF_DISCRIMINATOR):
            raise ConfigError(
                f"`--set {path}` has no effect where D is trained alone, without regularizers and "
                f"with an optimizer of its own: of a recipe it has {', '.join(_OF_DISCRIMINATOR)}."
            )
    import_tensorflow()
    from keras_gan.apps.theory import fixed_generator
    from keras_gan.evaluation.densities import figures

    outcome = fixed_generator.play(config, mean, stddev, rounds)
    figures.save(figures.moments([outcome.snapshot], outcome.data), out / "discriminator.png")
    click.echo(f"look at {out / 'discriminator.png'}", err=True)
    for title, value in (
        ("mean |D - D*|", outcome.difference),
        ("largest |D - D*|", outcome.largest_difference),
        ("V(D,G)", outcome.value),
        ("2 JSD - log 4", outcome.optimal_value),
        ("JSD", outcome.jensen_shannon),
    ):
        click.echo(f"{title:<18}{value:>10.4f}")
