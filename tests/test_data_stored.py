"""Images that stay on the disk: read as they are drawn, from their own files or from a pack."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
import types

import numpy as np
import pytest
import tensorflow as tf
from conftest import everything, real_data
from PIL import Image

from keras_gan.config import DataConfig, load_config, override
from keras_gan.data import Source, limits, load_source, packs
from keras_gan.data.stored import FileImages, Names, StoredImages, batch_of
from keras_gan.utils.errors import ConfigError, DataError, DiskError, KerasGanWarning

COUNT = 70  # more than two tasks of a worker


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "packs"


@pytest.fixture
def pictures(tmp_path):
    """Pictures of several sizes in two classes, one of them damaged in its midst."""
    random = np.random.default_rng(0)
    root = tmp_path / "pictures"
    for n in range(COUNT):
        file = root / ("even" if n % 2 == 0 else "odd") / f"{n:03d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        size = (12, 10 + n % 5, 3)
        Image.fromarray(random.integers(256, size=size, dtype=np.uint8)).save(file)
    return root


def damage(file):
    """Takes away a picture's second half: its header can still be read."""
    os.truncate(file, file.stat().st_size // 2)


def source(path, **settings) -> Source:
    return load_source(DataConfig(name=str(path), **{"image_size": 8, **settings}))


def packed(path, **settings) -> Source:
    return source(path, stream=True, pack=True, **settings)


def streamed(path, **settings) -> Source:
    return source(path, stream=True, **settings)


def assert_same(found: Source, wanted: Source):
    np.testing.assert_array_equal(found.images[:], wanted.images[:])
    np.testing.assert_array_equal(found.labels, wanted.labels)
    for name in ("class_names", "sample_shape", "num_samples", "notes", "name"):
        assert getattr(found, name) == getattr(wanted, name), name


# ---------------------------------------------------------------- as an array


@pytest.mark.parametrize("read", [streamed, packed])
@pytest.mark.parametrize("rows", [
    3, -1, np.int64(5), slice(None), slice(5, 60, 3), slice(60, 5, -1), slice(9, 9),
    np.array([7, 0, 7, -2]), np.arange(64).reshape(2, 32), np.empty(0, np.int64),
], ids=str)  # fmt: skip
def test_stored_images_are_indexed_as_an_array_is(read, rows, pictures):
    array, images = source(pictures).images, read(pictures).images
    assert isinstance(array, np.ndarray)
    assert isinstance(images, StoredImages)
    assert (images.shape, images.dtype, len(images)) == (array.shape, array.dtype, len(array))
    assert images.nbytes == array.nbytes
    found = images[rows]
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, array[rows])


@pytest.mark.parametrize("read", [streamed, packed])
@pytest.mark.parametrize("row", [COUNT, -COUNT - 1])
def test_a_row_that_is_not_there_is_an_error(read, row, pictures):
    with pytest.raises(IndexError):
        read(pictures).images[[0, row]]


@pytest.mark.parametrize("read", [streamed, packed])
@pytest.mark.parametrize("split", ["train", "train[:30]", "train[30:]", "train[25%:75%]"])
def test_where_images_are_changes_nothing_else(read, split, pictures):
    assert_same(read(pictures, split=split), source(pictures, split=split))


@pytest.mark.parametrize("read", [streamed, packed])
def test_other_shapes_and_colours(read, pictures):
    for settings in ({"image_size": 5, "channels": 1}, {"image_size": None}):
        assert_same(read(pictures, **settings), source(pictures, **settings))
    assert "There is no split `test`" in error_of(read, pictures, split="test")
    assert "is empty" in error_of(read, pictures, split="train[5:5]")


def error_of(read, path, kind=DataError, **settings) -> str:
    with pytest.raises(kind) as caught:
        read(path, **settings)
    return str(caught.value)


def test_what_looks_at_all_images_looks_at_a_part_of_many(pictures):
    array, stored = source(pictures), streamed(pictures)
    np.testing.assert_array_equal(stored.mean(), array.mean())
    assert_same(stored.in_memory(), array)
    part = stored.in_memory(most=20 * 192)
    assert (type(part.images), part.images.shape) == (np.ndarray, (20, 8, 8, 3))
    rows = [int(np.flatnonzero((array.images == i).all((1, 2, 3)))[0]) for i in part.images]
    assert rows == sorted(set(rows))
    np.testing.assert_array_equal(part.labels, array.labels[rows])
    np.testing.assert_array_equal(stored.mean(most=40), array.mean(most=40))
    whole = (array.images / 127.5 - 1).mean(0).astype("float32")
    assert not np.array_equal(array.mean(most=40), whole)


# ------------------------------------------------------------ what is streamed


FULL = types.SimpleNamespace(total=9, used=9, free=9)  # as `shutil.disk_usage` returns it


def set_limits(monkeypatch, resident, largest=2**30):
    found = limits.MemoryLimits(largest, resident)
    monkeypatch.setattr(limits, "memory_limits", lambda: found)


def test_images_stay_in_memory_where_they_fit(pictures, monkeypatch):
    assert isinstance(source(pictures).images, np.ndarray)
    set_limits(monkeypatch, resident=COUNT * 192)
    assert isinstance(source(pictures).images, np.ndarray)
    set_limits(monkeypatch, resident=COUNT * 192 - 1)
    assert isinstance(source(pictures).images, FileImages)
    assert isinstance(source(pictures, stream=False).images, np.ndarray)
    assert isinstance(source(pictures, pack=True).images, packs.PackedImages)
    assert isinstance(source(pictures, pack=True, stream=False).images, np.ndarray)
    set_limits(monkeypatch, resident=COUNT * 192 - 1, largest=COUNT * 192 - 1)
    assert isinstance(source(pictures).images, FileImages)
    assert "GiB of memory" in error_of(source, pictures, stream=False)


def test_what_fits_is_a_share_of_the_machines_memory():
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    found = limits.memory_limits()
    assert 0 < found.resident <= machine // 4
    assert found.resident <= found.largest <= machine // 3


@pytest.mark.parametrize("processes, part", [("1", 1), ("4", 4), ("0", 1), ("some", 1)])
def test_processes_of_one_machine_share_its_memory(processes, part, monkeypatch):
    monkeypatch.delenv("KERAS_GAN_PROCESSES", raising=False)
    whole = limits.memory_of_process()
    monkeypatch.setenv("KERAS_GAN_PROCESSES", processes)
    assert limits.memory_of_process() == whole // part


def test_one_picture_that_is_too_large_is_refused_at_once(pictures):
    assert "takes 27.9 GiB of memory" in error_of(streamed, pictures, image_size=100_000)


@pytest.mark.parametrize("name", ["digits", "ring_8", "stacked_mnist"])
def test_what_is_quick_to_read_is_not_packed(name):
    with pytest.raises(DataError, match=rf"data\.pack is for folders.*leave it out for {name}"):
        load_source(DataConfig(name=name, pack=True))


@pytest.mark.parametrize("setting, message", [
    ({"data.stream": "yes"}, "`data.stream` should be one of auto, true, false."),
    ({"data.stream": 1}, "`data.stream` should be one of auto, true, false."),
    ({"data.pack": "auto"}, "`data.pack` should be true or false."),
])  # fmt: skip
def test_settings_that_do_not_exist(setting, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        override(load_config("photos"), setting)


# ----------------------------------------------------------------- names, sizes


def test_many_names_take_little_memory():
    tracemalloc.start()
    try:
        names = Names(f"class/{n:07d}.png" for n in range(100_000))
        assert tracemalloc.get_traced_memory()[0] < 3e6  # 17 letters and 8 bytes each
    finally:
        tracemalloc.stop()
    assert len(names) == 100_000
    assert [names[n] for n in (0, 1, 99_999, -1)] == [
        f"class/{n:07d}.png" for n in (0, 1, 99_999, 99_999)
    ]
    with pytest.raises(IndexError):
        names[100_000]
    odd = ["", "ä/ö.png", os.fsdecode(b"\xff.png"), "x"]
    assert list(Names(odd)) == odd


def test_few_images_at_once_are_read_where_they_are_large():
    assert batch_of((28, 28, 1)) == 1024
    assert batch_of((1024, 1024, 3)) == 21
    assert batch_of((20_000, 20_000, 3)) == 1


# ------------------------------------------------------- damage while it is drawn


def test_a_picture_that_is_damaged_gives_way_to_the_next_whole_one(pictures):
    stored = streamed(pictures).images
    before, names = stored[:], list(stored.names)
    for row in (4, 5, COUNT - 1):
        damage(pictures / names[row])
    with pytest.warns(KerasGanWarning) as caught:
        images = stored[:]
    assert len(caught) == 1  # not one for each
    assert "can't be decoded: the next picture takes its place" in str(caught[0].message)
    expected = before.copy()
    expected[[4, 5]], expected[-1] = before[6], before[0]
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_array_equal(stored[[5, 4]], expected[[5, 4]])
    shutil.rmtree(pictures)
    with pytest.raises(DataError, match=r"70 pictures of .* in a row.*has the folder been moved"):
        stored[3]


# ------------------------------------------------------------------------ packs


def test_damaged_pictures_are_left_out_of_a_pack_and_named(pictures):
    damage(pictures / "even" / "004.png")
    (pictures / "odd" / "note.png").write_text("no picture")
    wanted = source(pictures)
    assert wanted.notes == ("left out 2 of 71 files that can't be decoded: 004.png, note.png",)
    assert_same(packed(pictures), wanted)
    assert_same(packed(pictures), wanted)  # not packed again: see below


def test_a_pack_is_made_once(pictures, cache, monkeypatch):
    wanted = packed(pictures)
    (path,) = cache.glob("*.pack")
    monkeypatch.setattr(Image, "open", lambda *a, **k: pytest.fail("it was read again"))
    assert_same(packed(pictures), wanted)
    assert_same(source(pictures, pack=True, split="train[9:]"), wanted.part(slice(9, None)))
    assert set(everything(cache)) == {".lock", path.name}


def change_time(root):
    os.utime(root / "odd" / "001.png", (1, 1))


def change_size(root):
    Image.new("RGB", (30, 30)).save(root / "odd" / "001.png")


def add(root):
    Image.new("RGB", (30, 30)).save(root / "odd" / "more.png")


def remove(root):
    (root / "odd" / "001.png").unlink()


def rename(root):
    (root / "odd" / "001.png").rename(root / "even" / "001.png")


@pytest.mark.parametrize("change", [change_time, change_size, add, remove, rename])
def test_a_pack_of_what_has_changed_is_made_anew(change, pictures, cache):
    old = packed(pictures)
    images = old.images[:]
    (path,) = cache.glob("*.pack")
    before = path.stat().st_ino
    change(pictures)
    assert_same(packed(pictures), source(pictures))
    assert [p.name for p in cache.glob("*.pack")] == [path.name]
    assert path.stat().st_ino != before
    np.testing.assert_array_equal(old.images[:], images)  # who began with the old one goes on


def test_each_shape_has_a_pack_of_its_own(pictures, cache):
    for settings in ({}, {"image_size": 9}, {"channels": 1}, {"split": "train[:3]"}):
        packed(pictures, **settings)
    assert len(list(cache.glob("*.pack"))) == 3


@pytest.mark.parametrize("harm", [
    lambda whole: whole[:-1], lambda whole: whole[:1000], lambda whole: b"",
    lambda whole: whole + b"x", lambda whole: bytes(len(whole)), lambda whole: whole[1:],
    lambda whole: whole.replace(b'"shape": [70', b'"shape": [71'),
    lambda whole: whole.replace(b'"shape": [70', b'"shape": [-7'),
    lambda whole: whole.replace(b'"class_names": [', b'"class_names": 7'),
    lambda whole: whole.replace(b'"key"', b'"kex"'),
    lambda whole: whole[:-24] + b"\xff" * 8 + whole[-16:],
    lambda whole: whole.replace(b'{"key"', b'["key"'),
])  # fmt: skip
def test_a_pack_that_is_not_whole_is_not_used(harm, pictures, cache):
    wanted = source(pictures)
    packed(pictures)
    (path,) = cache.glob("*.pack")
    whole = path.read_bytes()
    harmed = harm(whole)
    assert harmed != whole
    path.write_bytes(harmed)
    assert_same(packed(pictures), wanted)
    assert path.read_bytes() == whole


def test_a_pack_that_is_cut_while_it_is_read(pictures, cache):
    stored = packed(pictures).images
    (path,) = cache.glob("*.pack")
    os.truncate(path, 10 * 192 + 5)
    assert stored[9].shape == (8, 8, 3)
    with pytest.raises(DataError, match=r"has become shorter: remove it"):
        stored[10]


def test_an_error_while_packing_leaves_nothing_behind(pictures, cache, monkeypatch):
    def broken(self):
        yield np.zeros((1, 8, 8, 3), np.uint8), np.array([0])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FileImages, "whole", broken)
        with pytest.raises(KeyboardInterrupt):
            packed(pictures)
    assert set(everything(cache)) <= {".lock"}
    for file in pictures.rglob("*.png"):
        damage(file)
    assert "None of the 70 pictures" in error_of(packed, pictures)
    assert set(everything(cache)) <= {".lock"}


PACK = """
import sys, time
from PIL import Image
from keras_gan.config import DataConfig
from keras_gan.data import load_source
from keras_gan.utils.errors import KerasGanError
open = Image.open
def slowly(*args, **kwargs):
    time.sleep(float(sys.argv[2]))
    return open(*args, **kwargs)
Image.open = slowly
if len(sys.argv) > 3:
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    print(load_source(DataConfig(name=sys.argv[1], image_size=8, pack=True)).num_samples)
except KerasGanError as error:
    print(error)
"""


def packing(path, *arguments) -> subprocess.Popen:
    """A process that packs a folder, each picture in so many seconds."""
    command = [sys.executable, "-c", PACK, str(path), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_killed_packing_is_no_pack(pictures, cache):
    process = packing(pictures, 0.5)
    deadline = time.monotonic() + 60
    while not list(cache.glob(".tmp-*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert list(cache.glob(".tmp-*"))
    assert not list(cache.glob("[!.]*.pack"))
    assert_same(packed(pictures), source(pictures))
    assert not list(cache.glob(".tmp-*"))


def test_two_that_start_at_once_pack_once(pictures, cache):
    both = [packing(pictures, 0.02) for _ in range(2)]
    assert [process.communicate(timeout=60)[0] for process in both] == ["70\n", "70\n"]
    assert len(list(cache.glob("*.pack"))) == 1


def test_a_disk_that_is_full_or_becomes_so(pictures, cache, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: FULL)
        message = error_of(packed, pictures, DiskError)
    assert "Not enough room for the pack" in message
    assert message.endswith("or name a folder on another disk: KERAS_GAN_CACHE=FOLDER.")
    output = packing(pictures, 0, 5000).communicate(timeout=60)[0]
    assert "Can't write the pack" in output
    assert "File too large" in output
    assert set(everything(cache)) <= {".lock"}


def test_a_cache_that_can_not_be_written(pictures, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "file"))
    assert "Can't write the pack" in error_of(packed, pictures, DiskError)


READ = """
import resource, sys
import numpy as np
from pathlib import Path
from keras_gan.data import packs
images = packs.opened(Path(sys.argv[1]), "key").images
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
random = np.random.default_rng(0)
for _ in range(20):
    assert images[random.integers(len(images), size=6400)].shape == (6400, 28, 28, 1)
print(len(images), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_reading_a_million_images_takes_the_memory_of_a_block(tmp_path):
    """20 blocks of 5 MB, of a file of 784 MB that takes no room on the disk: it is empty."""
    path = tmp_path / "large.pack"

    def batches():
        return iter([])

    nothing = Source("large", np.empty(0, np.uint8))
    packs.packed(path, "key", lambda: packs.Contents(0, (28, 28, 1), batches(), lambda: nothing))
    whole = path.read_bytes().replace(b'"shape": [0,', b'"shape": [1000000,')
    facts = whole[:-24]
    with open(path, "wb") as file:
        file.truncate(784 * 10**6)
        file.seek(0, os.SEEK_END)
        file.write(facts + packs.END.pack(len(facts), packs.MARK))
    command = [sys.executable, "-c", READ, str(path)]
    output = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True).stdout
    count, grown = map(int, output.split())
    assert count == 10**6
    assert grown * 1024 < 40e6  # two blocks, and the threads' own


# ---------------------------------------------------------- tensorflow-datasets


def test_records_are_packed_with_their_labels(cache, monkeypatch):
    settings = {
        "name": "mnist",
        "directory": str(real_data("tensorflow_datasets")),
        "split": "test[100:1300]",
    }
    array = load_source(DataConfig(**settings))
    stored = load_source(DataConfig(**settings, stream=True))
    assert isinstance(array.images, np.ndarray)
    assert isinstance(stored.images, packs.PackedImages)
    assert_same(stored, array)
    monkeypatch.setattr(tf.data, "TFRecordDataset", lambda *a: pytest.fail("read again"))
    assert_same(load_source(DataConfig(**settings, pack=True)), array)
    assert len(list(cache.glob("mnist*.pack"))) == 1
    with pytest.raises(DiskError, match=r"Not enough room.*it takes 30.0 GB"):
        monkeypatch.setattr(shutil, "disk_usage", lambda p: FULL)
        load_source(DataConfig(**settings, image_size=5000, stream=True))
