"""The wheel from an empty folder, and the files that set things up, against setup.cfg."""

import configparser
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")


def lines(section, key):
    return SETUP[section][key].strip().splitlines()


def package_folders():
    """{package: folder} as setup.cfg has them."""
    homes = dict(re.split(r"\s*=\s*", line) for line in lines("options", "package_dir"))
    folders = {}
    for package in lines("options", "packages"):
        home = max((h for h in homes if f"{package}.".startswith(f"{h}.")), key=len)
        folders[package] = ROOT / homes[home] / package[len(home) + 1 :].replace(".", "/")
    return folders


def run(*command, cwd, check=True, **environment):
    """Runs without stdin and without what this process's own make or Python left behind."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "PYTHON"))}
    kept.pop("KERAS_GAN_RUNS", None)
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**kept, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


# ------------------------------------------------------------------------ wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy, so that nothing is left in the checkout."""
    source = tmp_path_factory.mktemp("source")
    for name in ("keras_gan", "configs", "exporters"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", ".", cwd=source)
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The bin/ of a new environment: the wheel, and this environment's packages behind it."""
    home = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=home)
    python = home / "bin" / "python"
    # A path in a .pth file brings packages, but not the .pth files beside them:
    # an editable keras-gan stays out of sight.
    purelib = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    behind = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (purelib / "behind.pth").write_text("".join(f"{path}\n" for path in behind))
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--no-index", "--no-deps", wheel, cwd=home)
    return python.parent


def test_the_wheel_holds_keras_gan_alone(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"keras_gan"}
    assert "keras_gan/exporters/__init__.py" in names
    recipes = {path.name for path in (ROOT / "configs").glob("*.yaml")}
    assert recipes
    assert {f"keras_gan/configs/{name}" for name in recipes} <= names
    templates = ROOT / "exporters" / "templates"
    files = {str(p.relative_to(templates)) for p in templates.rglob("*") if p.is_file()}
    assert "web/app.js" in files
    assert {f"keras_gan/exporters/templates/{name}" for name in files} <= names
    assert any(name.endswith("/LICENSE") for name in names)


@pytest.mark.slow
def test_the_installed_wheel_answers_from_an_empty_folder(installed, tmp_path):
    where = "import keras_gan, keras_gan.configs, keras_gan.exporters as e; print(e.__file__)"
    imported = Path(run(installed / "python", "-c", where, cwd=tmp_path).stdout.strip())
    assert imported.is_relative_to(installed.parent)
    version = run(installed / "keras-gan", "--version", cwd=tmp_path).stdout
    assert re.fullmatch(r"keras-gan, version \d+\.\d+\.\d+\n", version)
    table = run(installed / "keras-gan", "recipes", cwd=tmp_path).stdout
    recipes = {path.stem for path in (ROOT / "configs").glob("*.yaml")}
    assert {line.split()[0] for line in table.splitlines()} == recipes
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_installed_wheel_trains_and_samples(installed, tmp_path):
    fit = run(installed / "keras-gan", "fit", "digits", "--epochs", "1", cwd=tmp_path)
    folder = tmp_path / fit.stdout.strip()
    assert folder.parent == tmp_path / "runs" / "digits"
    assert (folder / "config.yaml").is_file()
    run(installed / "keras-gan", "sample", "--count", "4", "--out", "x.png", cwd=tmp_path)
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


# --------------------------------------------------------------- setup.cfg's facts


def test_onnx_runtime_tells_nobody_what_it_opens(tmp_path):
    """Its telemetry begins with a file of the session, and stays away where CI is set."""
    kept = {n: v for n, v in os.environ.items() if n not in ("ORT_DISABLE_TELEMETRY", "CI")}
    command = [sys.executable, "-c", "import keras_gan, onnxruntime"]
    subprocess.run(command, check=True, env={**kept, "TMPDIR": str(tmp_path)}, cwd=ROOT)
    assert [*tmp_path.iterdir()] == []


def test_packages_are_those_that_setup_cfg_lists():
    listed = package_folders()
    for package, folder in listed.items():
        assert (folder / "__init__.py").is_file(), f"{package} is listed, but there is no {folder}"
    roots = [ROOT / line.split("=")[1].strip() for line in lines("options", "package_dir")]
    there = {path.parent for root in roots for path in root.rglob("__init__.py")}
    assert there == set(listed.values())


def test_constraints_pin_everything_that_setup_cfg_names():
    text = (ROOT / "constraints.txt").read_text("utf-8")
    pins = {}
    for line in filter(None, (line.partition("#")[0].strip() for line in text.splitlines())):
        name, equals, version = line.partition("==")
        assert equals and re.fullmatch(r"[\w.-]+", name) and re.fullmatch(r"[\w.]+", version), line
        pins[canonicalize_name(name)] = version
    wanted = lines("options", "install_requires")
    for extra in SETUP["options.extras_require"]:
        wanted += lines("options.extras_require", extra)
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])


def test_set_up_files_name_what_there_is():
    makefile, dockerfile = ((ROOT / name).read_text() for name in ("Makefile", "Dockerfile"))
    named = " ".join(re.findall(r"^(?:USED|TESTED) := (.*)$", makefile, re.M))
    extras = re.findall(r"\w+", re.sub(r"\$\(\w+\)", " ", named))
    extras += re.findall(r"'\[(\w+)\]'", dockerfile)
    assert {"dev", "cuda"} <= set(extras) <= set(SETUP["options.extras_require"])

    versions = re.findall(r"Python :: (3\.\d+)", SETUP["metadata"]["classifiers"])
    assert f"$(filter {' '.join(versions)}," in makefile
    assert re.search(r"^ARG PYTHON_VERSION=(.*)$", dockerfile, re.M)[1] in versions

    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.M)
    kept = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.M)
    assert set(" ".join(copied).split()) == set(kept)
    assert all((ROOT / name).exists() for name in kept)

    scripts = [line.split()[0] for line in lines("options.entry_points", "console_scripts")]
    assert re.search(r'^ENTRYPOINT \["(.*)"\]$', dockerfile, re.M)[1] in scripts


# --------------------------------------------------------------------- Makefile

#: Notes what it is asked for in `done`; pip fails where there is a file `no-network`.
FAKE_PYTHON = r"""#!/bin/sh
case "$1 $2" in
    "-c "*) echo VERSION; exit ;;
    "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python"
        printf '#!/bin/sh\necho keras-gan "$@" >> done' > "$3/bin/keras-gan"
        chmod +x "$3/bin/keras-gan" ;;
    "-m pip") test ! -e no-network || exit 1 ;;
esac
echo "$@" >> done
"""


@pytest.fixture
def checkout(tmp_path):
    """A folder with the set-up files, and make there: what it did, and its process."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    folder, python = tmp_path / "check out", tmp_path / "python"
    folder.mkdir()
    for name in ("Makefile", "setup.cfg", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)

    def make(goal, version="3.12", folder=folder):
        python.write_text(FAKE_PYTHON.replace("VERSION", version))
        python.chmod(0o755)
        process = run("make", goal, f"PYTHON={python}", cwd=folder, check=False)
        done = folder / "done"
        steps = done.read_text().splitlines() if done.exists() else []
        done.unlink(missing_ok=True)
        return steps, process

    return folder, make


@pytest.mark.parametrize("goal", ["fit", "test", "lint"])
def test_make_refuses_an_unsupported_python_in_one_line(checkout, goal):
    folder, make = checkout
    before = set(folder.iterdir())
    steps, process = make(goal, version="3.10")
    assert process.returncode != 0
    assert not steps and not process.stdout
    (line,) = process.stderr.splitlines()
    assert "needs Python 3.11, 3.12 or 3.13" in line
    assert set(folder.iterdir()) == before


def test_make_sets_up_once_and_again_where_it_has_to(checkout):
    folder, make = checkout
    backend = "-m pip install -c constraints.txt setuptools wheel"
    install = "-m pip install -c constraints.txt --no-build-isolation -e .["
    tests = "-m pytest -m not slow -q -n logical --maxprocesses 4 --dist loadfile"
    anew = ["-m venv .venv", backend, f"{install}litert,demo]"]

    assert make("fit")[0] == [*anew, "keras-gan fit digits"]
    assert make("fit")[0] == ["keras-gan fit digits"]
    assert make("test")[0] == [backend, f"{install}litert,demo,dev,docs,browser]", tests]
    assert make("test")[0] == [tests]

    soon = (folder / "constraints.txt").stat().st_mtime + 100
    os.utime(folder / "constraints.txt", (soon, soon))
    (folder / "no-network").touch()
    steps, process = make("fit")
    assert process.returncode != 0 and steps == []  # an install that is cut short
    (folder / "no-network").unlink()
    assert make("fit")[0] == [*anew, "keras-gan fit digits"]

    moved = folder.rename(folder.with_name("elsewhere"))
    assert make("fit", folder=moved)[0] == [*anew, "keras-gan fit digits"]
