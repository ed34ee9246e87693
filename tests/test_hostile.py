"""What comes from a stranger: refused in a line, in bounded time and memory, without running it."""

import gzip
import io
import os
import struct
import subprocess
import sys
import time
import zipfile
import zlib

import pytest
from PIL import Image

from keras_gan.config import DataConfig, load_config, override, parse_assignments
from keras_gan.data import limits, load_source, picture_files
from keras_gan.games import recipes
from keras_gan.utils.errors import ConfigError, DataError

SIDE = 50_000

#: Loads argv[1] with no more memory than argv[2] bytes beyond what the imports take.
CHILD = """
import re, resource, sys
from keras_gan.config import DataConfig
from keras_gan.data import load_source
from keras_gan.utils.errors import KerasGanError
now = int(re.search(r"VmSize:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (now + int(sys.argv[2]),) * 2)
try:
    source = load_source(DataConfig(name=sys.argv[1]))
    print(source.num_samples, *source.notes)
except KerasGanError as error:
    print(f"{type(error).__name__}: {error}")
"""


def loaded(path, memory: int = 2**29, seconds: float = 60) -> str:
    """What loading says in a process that may take `memory` bytes; and that it is quick."""
    command = [sys.executable, "-c", CHILD, str(path), str(memory)]
    quiet = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=quiet)
    assert result.returncode == 0, result.stderr
    assert "\n" not in result.stdout.strip()
    return result.stdout.strip()


# --------------------------------------------------------------------- pictures


def _png(side: int) -> bytes:
    def chunk(name, content):
        crc = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(2**20))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    )


def _patched(kind: str, at: int, form: str, side: int, mode: str = "L") -> bytes:
    """A small picture whose header says that it is `side` x `side`."""
    content = io.BytesIO()
    Image.new(mode, (8, 8)).save(content, kind)
    whole = bytearray(content.getvalue())
    struct.pack_into(form, whole, at, side, side)
    return bytes(whole)


def _jpeg(side: int) -> bytes:
    content = io.BytesIO()
    Image.new("L", (8, 8)).save(content, "JPEG")
    whole = bytearray(content.getvalue())
    struct.pack_into(">HH", whole, whole.index(b"\xff\xc0") + 5, side, side)
    return bytes(whole)


def _tiff(side: int) -> bytes:
    content = io.BytesIO()
    Image.new("L", (8, 8)).save(content, "TIFF")
    whole = bytearray(content.getvalue())
    for tag in (256, 257):
        at = whole.index(struct.pack("<H", tag), 8)
        struct.pack_into("<HHII", whole, at, tag, 4, 1, side)
    return bytes(whole)


BOMBS = {
    "a.png": _png(SIDE),
    "b.gif": _patched("GIF", 6, "<HH", SIDE),
    "c.bmp": _patched("BMP", 18, "<ii", SIDE),
    "d.ppm": f"P6 {SIDE} {SIDE} 255\n".encode() + bytes(100),
    "e.jpg": _jpeg(SIDE),
    "f.tif": _tiff(SIDE),
    "g.pgm": b"P5 999999999 999999999 255\n",
}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "pictures"
    path.mkdir()
    Image.new("RGB", (8, 8)).save(path / "good.png")
    return path


def test_picture_bombs_are_told_by_their_headers(folder):
    for name, content in BOMBS.items():
        (folder / name).write_bytes(content)
    assert sum(map(len, BOMBS.values())) < 20_000
    wanted = "1 left out 7 of 8 files that can't be decoded: a.png, b.gif, c.bmp and 4 more"
    assert loaded(folder) == wanted
    (folder / "good.png").unlink()
    assert "None of the 7 pictures" in loaded(folder)
    for name in BOMBS:  # and for that reason
        with (
            pytest.raises((ValueError, Image.DecompressionBombError), match="pixels"),
            picture_files.opened(folder / name),
        ):
            pass


def test_the_largest_picture_is_decoded_alone_and_within_a_gibibyte_and_a_half(folder):
    side = int(picture_files.LARGEST_PICTURE**0.5)
    for name in "ab":
        Image.new("L", (side, side), 255).save(folder / f"{name}.png")
        os.truncate(folder / f"{name}.png", 20_000)  # far from whole: it is not decoded for long
    assert "left out 2 of 3" in loaded(folder, memory=3 * 2**29)


def test_a_jpeg_that_paints_itself_over_and_over(folder):
    content = io.BytesIO()
    Image.new("L", (2000, 2000)).save(content, "JPEG", progressive=True)
    whole = content.getvalue()
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    (folder / "a.jpg").write_bytes(whole[:-2] + 30_000 * scan + b"\xff\xd9")  # minutes
    began = time.perf_counter()
    assert "a.jpg" in load_source(DataConfig(name=str(folder))).notes[0]
    assert time.perf_counter() - began < 5
    (folder / "a.jpg").write_bytes(whole)
    assert load_source(DataConfig(name=str(folder))).num_samples == 2


def test_of_an_animation_only_the_first_frame_is_decoded(folder):
    frames = [Image.new("L", (200, 200), n) for n in range(256)]
    frames[0].save(folder / "a.gif", save_all=True, append_images=frames[1:], duration=1)
    whole = (folder / "a.gif").read_bytes()
    start = whole.index(b"\x21\xf9", 800)  # a frame from its control block to the next one's
    frame = whole[start : whole.index(b"\x21\xf9", start + 8)]
    (folder / "a.gif").write_bytes(whole[:-1] + 50_000 * frame + b";")
    began = time.perf_counter()
    assert load_source(DataConfig(name=str(folder))).num_samples == 2
    assert time.perf_counter() - began < 5


def test_an_ending_does_not_choose_a_program_to_run(folder):
    """Pillow would hand PostScript to Ghostscript, whatever its ending."""
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    (folder / "a.png").write_bytes(script)
    with Image.open(folder / "a.png") as picture:
        assert picture.format == "EPS"
    assert "a.png" in load_source(DataConfig(name=str(folder))).notes[0]


def test_what_is_no_regular_file_or_a_huge_one_is_not_read(folder):
    os.mkfifo(folder / "a.png")
    (folder / "b.webp").write_bytes(b"RIFF\xff\xff\xff\x7fWEBPVP8 ")
    os.truncate(folder / "b.webp", 2**33)  # sparse; its decoder reads all of a file
    wanted = "1 left out 1 of 2 files that can't be decoded: b.webp"
    assert loaded(folder) == wanted


# ----------------------------------------------------------------------- arrays


def npy(shape: str, descr: str = "'|u1'", data: bytes = b"") -> bytes:
    """An .npy file whose header says what it likes."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def npz(path, compression=zipfile.ZIP_DEFLATED, **members: bytes):
    with zipfile.ZipFile(path / "a.npz", "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path / "a.npz"


@pytest.mark.parametrize(
    "content, message",
    [
        (npy("(99999999999, 28, 28)"), "its arrays take 73015.7 GiB, of"),
        (npy("(9999, 8, 8)", "'<U99999'"), "its arrays take 238.4 GiB"),
        (npy("(9, 8, 8)", "'<U999999999'"), "not a valid dtype descriptor"),
        (npy(f"({'9' * 9000}, 8, 8)"), ""),
        (npy("(-1, 8, 8)"), ""),
        (npy("(2, 8, 8)", "'|O'", b"cos\nsystem\n(S'false'\ntR."), "holds Python objects"),
        (npy("(2, 8, 8)", "[('a', '|O')]"), "holds Python objects"),
        (npy("(2, 8, 8)", "__import__('os').abort()"), ""),
        (npy("(" * 9000), ""),
        (npy("(2, 8, 8)", data=b"x"), ""),
        (b"\x93NUMPY\x09\x00", ""),
    ],
)
def test_arrays_are_told_by_their_headers(content, message, tmp_path):
    path = npz(tmp_path, images=content)
    assert path.stat().st_size < 10_000
    found = loaded(path)
    assert found.startswith(f"DataError: Can't read {path} as an .npz of plain arrays: ")
    assert message in found
    assert len(found) < 500


def test_what_is_not_asked_for_is_not_unpacked(tmp_path, monkeypatch):
    zeros = npy("(60000000,)", data=bytes(60_000_000))
    path = npz(tmp_path, images=npy("(1, 8, 8)", data=bytes(64)), more=zeros, extra=zeros)
    assert path.stat().st_size < 200_000
    assert loaded(path, memory=2**25) == "1"
    found = limits.MemoryLimits(2**20, 2**20)
    monkeypatch.setattr(limits, "memory_limits", lambda: found)
    assert load_source(DataConfig(name=str(path))).num_samples == 1
    with pytest.raises(DataError, match=r"its arrays take 0\.1 GiB"):
        load_source(DataConfig(name=str(npz(tmp_path, images=zeros))))


def test_numpy_uses_two_ways_to_pack_and_no_other_is_read(tmp_path):
    path = npz(tmp_path, zipfile.ZIP_LZMA, images=npy("(1, 8, 8)", data=bytes(64)))
    with pytest.raises(DataError, match="packed in a way that NumPy does not use"):
        load_source(DataConfig(name=str(path)))


def idx(*shape: int, data: bytes = b"") -> bytes:
    return struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + data


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("", idx(2**31, 28, 28), "its header says 1568.0 GiB"),
        ("", idx(*[2**32 - 1] * 4), "its header says 316912"),
        (".gz", gzip.compress(idx(2**16, 28, 28)), "51380224 values, and there are 0"),
        (".gz", gzip.compress(idx(2**20, 28, 28)), "there is not enough memory"),
        # 2 GiB behind a header of 64 values: members of gzip follow each other
        (
            ".gz",
            gzip.compress(idx(1, 8, 8)) + 64 * gzip.compress(bytes(2**25), 1),
            "its header says 64 values, and there are more",
        ),
    ],
    # gzip writes the time of day, which pytest's own names would have in them.
    ids=["huge", "overflowing", "short", "much", "long"],
)
def test_idx_files_are_read_as_far_as_their_headers_say(name, content, message, tmp_path):
    (tmp_path / f"train-images-idx3-ubyte{name}").write_bytes(content)
    assert message in loaded(tmp_path, memory=2**27, seconds=30)


def test_idx_files_that_have_no_end(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").symlink_to("/dev/zero")
    assert "Not a regular file" in loaded(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    os.mkfifo(tmp_path / "train-images-idx3-ubyte")
    assert "Not a regular file" in loaded(tmp_path)


# ---------------------------------------------------------------------- recipes


@pytest.mark.parametrize(
    "text",
    [
        "name: !!python/object/apply:os.system ['touch executed']",
        "name: !!python/name:os.system",
        "objective: &a {name: *a}",
        "[" * 60_000,
        "objective: " + "{a: " * 15_000,
        "- " * 30_000,
        "a: [" + "1," * 30_000 + "]",
        "".join(f"k{n}: {n}\n" for n in range(6000)),
        "seed: " + "9" * 60_000,
        "seed: 0x" + "f" * 60_000,
        "seed: " + ":".join(["1"] * 20_000) + ".5",
        '"' + r"\ud800" * 9000 + '": 1',
        "#" * 10**7,
    ],
)
def test_no_recipe_takes_long_or_runs_anything(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(text)
    began = time.perf_counter()
    with pytest.raises(ConfigError) as caught:
        load_config("a.yaml")
    assert time.perf_counter() - began < 5
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "assignment",
    [
        ".".join(["a"] * 50_000) + "=1",
        "regularizers." + "x" * 50_000 + ".weight.more=1",
        "network.generator.hidden=" + "[" * 50_000,
        "network.generator.hidden=" + "[" * 15 + "]" * 15,
        "objective.\x1b[2J\n=" + "2001-01-01",
        "output.sample_count=2000000000",
    ],
)
def test_no_assignment_takes_long(assignment):
    began = time.perf_counter()
    with pytest.raises(ConfigError) as caught:
        recipes.check(override(load_config("digits"), parse_assignments([assignment])))
    assert time.perf_counter() - began < 5
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()
