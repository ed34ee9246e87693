"""Whatever is given: the thing itself, or an error of ours in one line; never a traceback.

The number of examples is bounded so that this file takes seconds; HYPOTHESIS_PROFILE=long
looks for hours.
"""

import io
import json
import os
import shutil
import string
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import everything
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_gan import runs
from keras_gan.config import (
    Config,
    DataConfig,
    config_from_dict,
    load_config,
    override,
    parse_assignments,
    parse_config,
    recipe_names,
    setting_paths,
)
from keras_gan.data import Source, load_source
from keras_gan.data.source import part_of
from keras_gan.runs import Run
from keras_gan.utils.errors import ConfigError, DataError, KerasGanError, RunError
from keras_gan.utils.labels import NO_LABELS

COMMON = {
    "deadline": None,  # machines are busy now and then
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    "database": None,
    "print_blob": True,
}
settings.register_profile("quick", max_examples=60, derandomize=True, **COMMON)
settings.register_profile("long", max_examples=100_000, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def is_a_line(error: KerasGanError) -> bool:
    text = str(error)
    return text.isprintable() and 0 < len(text) <= 1000


# ----------------------------------------------------------------------- recipes

#: The keys that there are; values of every kind that YAML has.
KEYS = st.sampled_from(sorted({key for path in setting_paths(Config) for key in path.split(".")}))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**31 - 1, 2**31, 2**63, 10**400, -1, 0, 1]),
    st.floats(),
    st.text(max_size=20),
    st.dates(),
    st.datetimes(),
    st.binary(max_size=5),
    st.sampled_from(["mlp", "dcgan", "adam", "none", "1e-4", ".inf", "auto", "mixed_float16"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(KEYS, SCALARS.filter(lambda k: k == k)), inner, max_size=4),
    ),
    max_leaves=12,
)
TREES = st.dictionaries(st.one_of(KEYS, st.text(max_size=8), st.integers()), VALUES, max_size=5)


def is_a_config_or_an_error(make, *arguments) -> None:
    try:
        config = make(*arguments)
    except ConfigError as error:
        assert is_a_line(error)
        return
    assert isinstance(config, Config)
    text = config.to_yaml()  # what a run would keep is what it would read
    assert parse_config(text, "text").to_yaml() == text


@given(TREES)
@example({"network": {"generator": {"hidden": [[[[[[[[[[[[1]]]]]]]]]]]]}}})
@example({"loss": {"name": "hinge", "a": b"", "b": b""}})
@example({"regularizers": {"r1": {1: 2}}})
def test_any_tree_is_a_config_or_an_error(tree):
    is_a_config_or_an_error(config_from_dict, tree)


@given(TREES)
def test_any_tree_as_yaml_is_a_config_or_an_error(tree):
    is_a_config_or_an_error(parse_config, yaml.safe_dump(tree), "text")


@given(st.one_of(st.text(), st.text(alphabet="ab:-[]{}&*!|>'\"%@#,? \n\t0179.x_~<=+eE\\")))
@example("a: ! b")
@example("? a\n? b\n")
@example("<<: {seed: 1}")
@example("=: 1")
@example("seed: 0x_")
@example("seed: 190:20:30.15")
@example("name: '\ud800'")
@example('name: "\\ud800"')
@example("0001-01-01T00:00:00+99:99: 1")
@example("\ufeffseed: 1")
def test_any_text_is_a_config_or_an_error(text):
    is_a_config_or_an_error(parse_config, text, "text")


@given(st.binary())
@example(b"\xff\xfe")
@example(b"seed: \xed\xa0\x80")
def test_any_file_is_a_config_or_an_error(tmp_path, content):
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    is_a_config_or_an_error(load_config, path)


@given(st.text())
@example("a\0.yaml")
@example("\ud800.yaml")
@example("~")
@example("a" * 5000 + ".yaml")
@example("..")
def test_any_name_of_a_recipe_is_one_or_an_error(name):
    is_a_config_or_an_error(load_config, name)


PATHS = st.lists(st.one_of(KEYS, st.text(max_size=5)), max_size=4).map(".".join)


@given(st.lists(st.one_of(st.text(), st.tuples(PATHS, st.text()).map("=".join)), max_size=3))
@example(["regularizers.a\nb.weight=1"])
@example(["network.generator.\udc80=[1"])
@example(["loss.name=[]"])
@example(["optimizer.generator=1", "optimizer.generator.name=sgd"])
def test_any_assignments_are_a_config_or_an_error(texts):
    is_a_config_or_an_error(lambda: override(Config(), parse_assignments(texts)))


@given(st.dictionaries(PATHS, VALUES, max_size=3))
@example({"network": 1, "network.family": "dcgan"})
@example({"loss": None, "loss.name": "hinge"})
def test_any_overrides_are_a_config_or_an_error(values):
    is_a_config_or_an_error(override, load_config("digits"), values)


# -------------------------------------------------------------------------- runs

NAMES = st.one_of(st.text(), st.text(alphabet="./\\~-\n\0 aä\u202e", max_size=12))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@settings(max_examples=30)  # each writes and waits for the disk
@given(NAMES)
@example("x" * 300)
@example("ä" * 300)
@example("\N{MAN}" * 100)
@example("\n")
@example("...")
@example("../../etc")
@example("con\0")
@example("\ud800")
def test_any_name_makes_a_run_below_the_root(here, name):
    before = set(everything(here))
    try:
        config = override(Config(), {"name": name})
        run = Run.create(config, (8, 8, 1), NO_LABELS, 10, 1)
    except (ConfigError, RunError) as error:
        assert is_a_line(error)
        assert set(everything(here)) == before
        return
    assert run.path.parent.parent == Path("runs")
    assert run.path.resolve().is_relative_to(here / "runs")
    assert Run(run.path).config == config
    assert runs.load(run.path).path == run.path
    assert str(run.path).isprintable()
    shutil.rmtree(here / "runs")


@settings(max_examples=30)
@given(NAMES)
@example("x" * 300)
@example("a\0b")
@example("\ud800")
@example("a/../b")
def test_any_run_dir_is_made_or_an_error(here, name):
    path = here / "inner" / name.lstrip("/")
    if not Path(os.path.normpath(path)).is_relative_to(here / "inner"):
        return
    before = set(everything(here))
    try:
        run = Run.create(Config(), (8, 8, 1), NO_LABELS, 10, 1, path)
    except KerasGanError as error:
        assert is_a_line(error)
        assert set(everything(here)) == before
        return
    assert Run(path).created == run.created
    shutil.rmtree(here / "inner")


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
FACT_NAMES = ("sample_shape", "num_samples", "labels", "steps_per_epoch", "created")
FACTS = st.fixed_dictionaries({"format": st.just(2)}, optional=dict.fromkeys(FACT_NAMES, JSON))


@given(st.one_of(st.text(), FACTS.map(json.dumps)))
@example('{"format": 2, "sample_shape": [1e999, 8, 1], "num_samples": 1, "labels": null}')
@example('{"format": 2, "sample_shape": [8, 8, 1], "num_samples": 1e999, "labels": null}')
@example('{"format": 2, "sample_shape": [-8, 8, 1], "num_samples": 1, "labels": null}')
@example("[" * 5000)
@example("9" * 5000)
def test_any_facts_are_a_run_or_an_error(here, text):
    run = here / "runs" / "a" / "b"
    run.mkdir(parents=True, exist_ok=True)
    (run / "config.yaml").write_text("")
    (run / "run.json").write_text(text, "utf-8", "replace")
    try:
        shape = Run(run).sample_shape
    except RunError as error:
        assert is_a_line(error)
        assert runs.list_runs() == []
    else:
        assert len(shape) in (1, 3)
        assert all(n > 0 for n in shape)


# ------------------------------------------------------------------------ folders

ENDINGS = st.sampled_from(["png", "jpg", "gif", "webp", "tif", "bmp", "ppm", "PNG", "pgm"])
MODES = {
    "png": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
    "jpg": ["L", "RGB", "CMYK"],
    "gif": ["L", "P", "RGB"],
    "webp": ["RGB", "RGBA"],
    "tif": ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F", "LAB", "YCbCr"],
    "bmp": ["1", "L", "P", "RGB"],
    "ppm": ["1", "L", "RGB", "I"],
}


@st.composite
def pictures(draw) -> tuple[str, bytes]:
    """(ending, content) of a small picture, whole or with a few bytes changed or cut."""
    kind = draw(st.sampled_from(sorted(MODES)))
    mode = draw(st.sampled_from(MODES[kind]))
    size = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    random = np.random.default_rng(draw(st.integers(0, 9)))
    count = {"I": 4, "F": 4, "I;16": 2, "CMYK": 4, "RGBA": 4, "LA": 2}.get(mode, 3)
    values = random.integers(256, size=count * size[0] * size[1]).astype(np.uint8).tobytes()
    picture = Image.frombytes(mode, size, values[: len(Image.new(mode, size).tobytes())])
    whole = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = draw(st.integers(0, 9))
    picture.save(whole, {"jpg": "JPEG", "tif": "TIFF"}.get(kind, kind.upper()), exif=exif)
    content = bytearray(whole.getvalue())
    for _ in range(draw(st.integers(0, 3))):
        content[draw(st.integers(0, len(content) - 1))] = draw(st.integers(0, 255))
    cut = draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    return kind, bytes(content[:cut])


FILES = st.lists(
    st.one_of(pictures(), st.tuples(ENDINGS, st.binary(max_size=100))), min_size=1, max_size=4
)


@given(FILES, st.sampled_from([None, 1, 7, 64]), st.sampled_from([None, 1, 3]), st.booleans())
def test_any_files_are_a_source_or_an_error(tmp_path_factory, files, size, channels, classes):
    folder = tmp_path_factory.mktemp("files")
    for number, (ending, content) in enumerate(files):
        inner = folder / f"class {number % 2}" if classes else folder
        inner.mkdir(exist_ok=True)
        (inner / f"{number}.{ending}").write_bytes(content)
    try:
        source = load_source(DataConfig(name=str(folder), image_size=size, channels=channels))
    except (ConfigError, DataError) as error:
        assert is_a_line(error)
        return
    assert isinstance(source, Source)
    assert 1 <= source.num_samples <= len(files)
    assert source.images.dtype == np.uint8
    assert source.images.shape[-1] in ((channels,) if channels else (1, 3))
    assert size is None or source.sample_shape[:2] == (size, size)
    assert (source.labels is not None) == classes


SPLITS = st.one_of(st.text(max_size=10), st.text(alphabet="train[]:%-0123456789", max_size=15))


@given(SPLITS)
@example("train[" + "9" * 5000 + ":]")
@example("train[:٣]")
def test_any_split_is_a_part_or_an_error(split):
    try:
        name, part = part_of(split, {"train": 90, "test": 9})
    except (ConfigError, DataError) as error:
        assert is_a_line(error)
    else:
        assert name in ("train", "test")
        assert len(range(90)[part]) <= 90


NAMES_OF_DATA = st.one_of(st.text(), st.text(alphabet=string.ascii_lowercase + "./~\0", max_size=8))


@given(NAMES_OF_DATA.filter(lambda name: name not in ("digits", *recipe_names())))
@example("a\0b.npz")
@example("x" * 5000)
@example("/" + "x" * 5000 + "/.npz")
@example("\ud800/a")
@example("~nobody-of-that-name/x")
def test_any_name_of_data_is_an_error_or_a_source(here, name):
    try:
        load_source(DataConfig(name=name))
    except (ConfigError, DataError) as error:
        assert is_a_line(error)
