"""From runs to results: what is drawn, what it is compared with, what is written."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from keras_gan.config import DataConfig
from keras_gan.data import Source, load_source
from keras_gan.data.source import part_of
from keras_gan.evaluation import extractors
from keras_gan.evaluation.cache import Cache
from keras_gan.evaluation.evidence import Evidence
from keras_gan.evaluation.metrics import METRICS, metrics_of
from keras_gan.evaluation.metrics.registry import MetricResult
from keras_gan.games import players
from keras_gan.runs import Run, sampling
from keras_gan.runs.logs import MetricsLog, finite_or_null
from keras_gan.utils.errors import ConfigError, EvaluationError, RunError, SplitError
from keras_gan.utils.files import write_text
from keras_gan.utils.labels import VectorLabels
from keras_gan.utils.pixels import to_uint8

FOLDER, FIGURES = "evaluation", "evaluation.json"
_MOST = 2**28  # bytes of images that are looked at, of those that do not stay in memory


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What was found of one run.

    Attributes:
        run: the run.
        results: all that could be computed.
        problems: {metric: why it could not be}.
        evidence: for pictures: with classes, if an extractor knows them; None once they
            are drawn.
        origin: which checkpoint, how many samples of which seed, compared with what, and
            how often the classifier is right, if there is one.
    """

    run: Run
    results: list[MetricResult]
    problems: dict[str, str]
    evidence: Evidence | None
    origin: dict[str, str | int | float]

    @property
    def warnings(self) -> list[str]:
        """What nobody may overlook: the results' own, and why others are missing."""
        told = [result.warning for result in self.results if result.warning]
        told += [f"{name}: {reason}" for name, reason in self.problems.items()]
        return list(dict.fromkeys(told))


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How runs are evaluated, the same way each.

    Attributes:
        count: samples that are drawn.
        seed: of their latents.
        metrics: names in METRICS; empty for all that fit the data.
        extractor_kinds: keys of `extractors.EXTRACTORS`; empty for a classifier where
            there are labels and pixels where there are none.
        against: `test` or `train` images.
        data, data_dir: where the data lie now, if not where the run had them.
        inception_weights: a file.
    """

    count: int = 10_000
    seed: int = 0
    metrics: tuple[str, ...] = ()
    extractor_kinds: tuple[str, ...] = ()
    against: str = "test"
    data: str | None = None
    data_dir: str | None = None
    inception_weights: str | None = None

    def check(self) -> None:
        """Raises ConfigError for a metric or an extractor that does not exist."""
        for name in self.metrics:
            METRICS[name]
        for name in self.extractor_kinds:
            extractors.EXTRACTORS[name]


def evaluate(
    run: Run,
    protocol: Protocol = Protocol(),
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Evaluation:
    """Draws samples of a run and computes every metric that can be.

    Args:
        run: a run with a checkpoint, whose data can be loaded.
        protocol: how.
        progress: is told what comes next, and how many of how many tasks are done.

    Raises:
        ConfigError: a metric or an extractor that does not exist.
        DataError: the training images can't be loaded.
        RunError: no checkpoint, or samples that are not numbers.
    """
    protocol.check()
    progress("real images", 0, 1)
    train, test, seen = sources(run, protocol)
    progress("samples", 0, 1)
    base = _drawn(run, protocol, train, test, seen)
    unfit = {"classes"} if base.labels is None else set()
    unfit |= {"test_error"} if base.classify is None else set()
    plan = _plan(protocol, train, unfit)
    results, problems, done = [], _unplanned(protocol, plan), 0
    total = sum(len(names) for _, names in plan)
    looked = []
    for kind, names in plan:
        progress(f"extractor {kind}", done, total)
        try:
            evidence = dataclasses.replace(base, extractor=_extractor(kind, run, base, protocol))
            looked.append(evidence)
        except EvaluationError as error:
            evidence, problems[f"extractor {kind}"] = base, str(error)
            needless = names & metrics_of("images", "samples")
            names, done = needless, done + len(names - needless)
        for name in (name for name in METRICS if name in names):
            progress(name, done, total)
            try:
                results += METRICS[name](evidence)
            except EvaluationError as error:
                of_features = name in metrics_of("features", "classes")
                problems[f"{name} ({kind})" if of_features else name] = str(error)
            done += 1
    progress("", total, total)
    with_classes = (e for e in looked if e.extractor and e.extractor.accuracy is not None)
    shown = next(with_classes, looked[-1] if looked else base)
    origin = {
        "checkpoint": run.checkpoint,
        "iteration": int(run.gan.iteration.numpy()),
        "samples": protocol.count,
        "seed": protocol.seed,
        "against": protocol.against,
    }
    if shown.extractor is not None and shown.extractor.accuracy is not None:
        origin["classifier_accuracy"] = shown.extractor.accuracy
    return Evaluation(run, results, problems, shown, origin)


def write(evaluation: Evaluation) -> Path:
    """Writes `evaluation/evaluation.json`, a row of metrics.jsonl and TensorBoard scalars.

    Raises:
        RunError: it can't be written.
    """
    run, folder = evaluation.run, evaluation.run.path / FOLDER
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    told = {"created": now, **facts(evaluation)}
    values = {f"evaluation/{result.name}": result.value for result in evaluation.results}
    try:
        write_text(folder / FIGURES, json.dumps(told, indent=1, allow_nan=False))
        with contextlib.closing(MetricsLog(run.path)) as log:
            log.write(int(evaluation.origin["iteration"]), values)
    except OSError as error:
        raise RunError(f"Can't write {folder}: {error.strerror or error}.") from error
    return folder / FIGURES


def facts(evaluation: Evaluation) -> dict[str, Any]:
    """What was found, as JSON can hold it: where from, `results`, and `problems`."""
    return {
        **evaluation.origin,
        "results": [_as_json(result) for result in evaluation.results],
        "problems": evaluation.problems,
    }


def _as_json(result: MetricResult) -> dict:
    numbers = {key: getattr(result, key) for key in ("value", "error", "reference")}
    given = {key: number for key, number in numbers.items() if number is not None}
    by_class = {
        name: {"value": value, "reference": reference}
        for name, (value, reference) in result.by_class.items()
    }
    told = {"name": result.name, **dataclasses.asdict(result)}
    return told | finite_or_null(given) | {"by_class": by_class}


def _drawn(
    run: Run, protocol: Protocol, train: Source, test: Source | None, seen: slice
) -> Evidence:
    """Samples beside real images, without an extractor."""
    labels = _labels(run, train.part(seen), protocol)
    drawn = sampling.sample(run, protocol.count, protocol.seed, labels)
    samples = drawn["samples"]
    if not np.isfinite(samples).all():
        raise RunError(
            f"{run.path}: samples hold NaNs or infinities: its training has diverged. "
            "--checkpoint best may still be whole."
        )
    return Evidence(
        samples=samples,
        images=to_uint8(samples) if train.is_image else samples,
        labels=None if labels is None or labels.ndim == 2 else drawn["labels"],
        train=train,
        test=test,
        extractor=None,
        cache=Cache(train, test),
        against=protocol.against,
        seen=seen,
        classify=_classifier(run) if train.label_spec == run.labels else None,
    )


def _classifier(run: Run) -> Callable[[np.ndarray], np.ndarray] | None:
    """The run's own, uint8 (n, ...) -> ids (n,); None where its D predicts no classes."""
    network = run.gan.averaged("discriminator")
    if "class_logits" not in players.named_outputs(players.output_of(network)):
        return None
    return functools.partial(sampling.predicted_classes, network)


def _labels(run: Run, seen: Source, protocol: Protocol) -> np.ndarray | None:
    """Labels to be asked for in the data's shares; None, all in turn, where nobody knows them."""
    if not run.gan.labels or seen.label_spec != run.labels:
        return None
    if isinstance(run.labels, VectorLabels):
        return np.random.default_rng(protocol.seed).permutation(seen.labels)
    # Evenly spaced in sorted order, so that shares are exact to one sample.
    spaced = np.linspace(0, seen.num_samples - 1, protocol.count).round().astype(int)
    return np.random.default_rng(protocol.seed).permutation(np.sort(seen.labels)[spaced])


def sources(run: Run, protocol: Protocol) -> tuple[Source, Source | None, slice]:
    """(training images, test images or None, the training images that the run has seen).

    All of the training split, of which the run may have seen a part. Where there is no
    test split, or the run was trained on it, they are what the run has seen, and the
    rest of the split takes the test images' place. Of images that stay on the disk they
    are what it has seen, too, or a random part of that where it is too much for the memory.
    """
    config = dataclasses.replace(
        run.config.data,
        name=protocol.data or run.config.data.name,
        pack=run.config.data.pack and protocol.data is None,
        labels_per_class=None,
        directory=protocol.data_dir or run.config.data.directory,
    )
    whole = config.split.strip().partition("[")[0]
    train = load_source(dataclasses.replace(config, split=whole))
    seen = part_of(config.split, {whole: train.num_samples})[1]
    unseen = None if whole == "test" else _loaded(config, "test")
    is_split = unseen is None
    if is_split:
        rest = np.delete(np.arange(train.num_samples), seen)
        unseen = train.part(rest) if len(rest) else None
    if is_split or train.is_stored:
        train, seen = train.part(seen), slice(None)
    train, unseen = (s and s.in_memory(_MOST) for s in (train, unseen))
    if train.sample_shape != run.sample_shape:
        raise ConfigError(
            f"The samples of {run.path} have the shape {run.sample_shape}, the data "
            f"{train.name} {train.sample_shape}: name the right data with --data."
        )
    return train, unseen, seen


def _loaded(config: DataConfig, split: str) -> Source | None:
    """A split, or None where there is none."""
    try:
        return load_source(dataclasses.replace(config, split=split))
    except SplitError:
        return None


def _plan(protocol: Protocol, train: Source, unfit: set[str]) -> list[tuple[str | None, set[str]]]:
    """[(extractor or None, metrics)]: what needs no extractor is computed with the first one."""
    wanted = set(protocol.metrics or METRICS.keys() - unfit)
    if not train.is_image:
        if not protocol.metrics and train.sample_shape != (1,):
            wanted.discard("divergence")  # of points on a line
        return [(None, wanted & metrics_of("points", "samples"))]
    default = "pixels" if train.num_classes is None else "classifier"
    plan = []
    for kind in protocol.extractor_kinds or (default,):
        names = wanted & metrics_of("features")
        if kind == "classifier" or protocol.metrics:
            names |= wanted & metrics_of("classes")
        plan.append((kind, names if plan else names | (wanted & metrics_of("images", "samples"))))
    return plan


def _unplanned(protocol: Protocol, plan: list[tuple[str | None, set[str]]]) -> dict[str, str]:
    """{what was asked for by name and does not fit the data: that}."""
    planned = {name for _, names in plan for name in names}
    kinds = {kind for kind, _ in plan}
    what = "points" if kinds == {None} else "images"
    return {
        name: f"It is no metric of {what}." for name in protocol.metrics if name not in planned
    } | {
        f"extractor {kind}": f"It has no use for {what}."
        for kind in protocol.extractor_kinds
        if kind not in kinds
    }


def _extractor(kind: str | None, run: Run, base: Evidence, protocol: Protocol):
    if kind is None:
        return None
    name = protocol.data or run.config.data.name
    weights = protocol.inception_weights
    return extractors.get(kind, name, base.train, base.test, base.cache, weights)
