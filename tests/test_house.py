"""The rooms of the house: who may import whom, and that no two import each other."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import keras_gan

ROOT = Path(keras_gan.__file__).parent
#: A room imports from those above it.
ROOMS = (
    "utils",
    "config",
    "networks",
    "data",
    "engine",
    "games",
    "runs",
    "evaluation",
    "training",
    "exporters",
    "apps",
    "cli",
)
ENTRIES = {"__init__", "__main__"}  # of the package: what a user names


def _files() -> dict[str, Path]:
    """Every module by its dotted name below keras_gan."""
    folders = {"": ROOT, "exporters": ROOT.parent / "exporters"}
    found = {}
    for room, folder in folders.items():
        for path in folder.rglob("*.py"):
            parts = [*room.split("."), *path.relative_to(folder).with_suffix("").parts]
            found[".".join(p for p in parts if p)] = path
    return {name.removesuffix(".__init__"): path for name, path in found.items()}


FILES = _files()


def _imports(path: Path) -> Iterator[str]:
    """The modules of keras_gan that a file names, lazily and for types too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            name = name.removeprefix("keras_gan.") if name.startswith("keras_gan.") else ""
            if name in FILES:
                yield name
            elif name.rpartition(".")[0] in FILES:  # a name in a module
                yield name.rpartition(".")[0]


GRAPH = {name: set(_imports(path)) for name, path in FILES.items() if name not in ENTRIES}


def test_the_root_holds_rooms_and_nothing_else():
    names = {p.stem for p in ROOT.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert names == {*ROOMS, *ENTRIES} - {"exporters"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_from_the_rooms_above_it(room):
    above = ROOMS[: ROOMS.index(room) + 1]
    wrong = [
        f"{name} -> {other}"
        for name, others in GRAPH.items()
        for other in others
        if name.split(".")[0] == room and other.split(".")[0] not in above
    ]
    assert not wrong


def test_no_modules_import_each_other():
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_the_base_of_all_games_knows_no_latent_label_or_image():
    tree = ast.parse(FILES["games.base"].read_text("utf-8"))
    assert isinstance(tree.body[0], ast.Expr)  # its docstring may
    code = ast.unparse(ast.Module(tree.body[1:], []))
    assert not [word for word in ("latent", "label", "image") if word in code]


@pytest.mark.parametrize("name", [n for n in FILES if n.startswith("games.")])
def test_a_games_training_step_reads_as_its_papers_algorithm(name):
    """At most 20 lines without the docstring."""
    for node in ast.walk(ast.parse(FILES[name].read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == "train_step":
            *_, last = node.body
            first = node.body[1 if ast.get_docstring(node) else 0]
            assert last.end_lineno - first.lineno < 20


def test_the_base_of_all_games_is_small():
    assert len(FILES["games.base"].read_text("utf-8").splitlines()) < 300


@pytest.mark.parametrize("name", FILES)
def test_a_function_has_at_most_60_lines(name):
    for node in ast.walk(ast.parse(FILES[name].read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, node.name


#: What only TensorFlow's private parts can do, and a named tuple's public method.
NEEDED = {"_call_tf_sessionrun", "_as_tf_output", "_get_ops_details", "_replace"}


@pytest.mark.parametrize("path", sorted(Path(__file__).parent.rglob("*.py")), ids=lambda p: p.stem)
def test_a_test_touches_no_private_name_of_another_module(path):
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls"):
            found.add(node.attr)
        if isinstance(node, ast.ImportFrom):
            found |= {alias.name for alias in node.names}
    private = {name for name in found if name.startswith("_") and not name.endswith("__")}
    assert private <= NEEDED
