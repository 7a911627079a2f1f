"""The import rules of docs/architecture.md, read from the code itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = PROJECT / "src" / "cobalamin"

MAY_IMPORT = {
    "core": set(),
    "dictionary": {"core"},
    "sources": {"core", "dictionary"},
    "scores": {"core", "dictionary"},
    "design": {"core", "dictionary", "sources", "scores"},
    "models": {"core"},
    "robustness": {"core", "models", "design"},
    "release": {"core", "dictionary"},
    "report": {"core"},
    "study": {"core", "dictionary", "sources", "scores", "design", "models", "robustness", "release", "report"},
}
HEAVY = {"statsmodels", "lifelines", "seaborn", "matplotlib", "formulaic", "ibis", "duckdb", "typer", "rich", "jinja2", "pyreadstat"}


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imported(tree: ast.AST, top_level_only: bool = False) -> Iterator[str]:
    nodes = tree.body if top_level_only else ast.walk(tree)  # type: ignore[attr-defined]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield ("." * node.level) + (node.module or "")


@pytest.mark.parametrize("path", modules(PACKAGE), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_rooms_import_downwards_only(path: Path) -> None:
    parts = path.relative_to(PACKAGE).parts
    if len(parts) == 1:
        return  # the front door may name any room
    room = parts[0]
    assert room in MAY_IMPORT, f"{room} is not a room of the house: add it to docs/architecture.md and to this test"
    for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        assert not name.startswith("."), f"{path.name}: write imports in full, not {name}"
        if name.startswith("cobalamin."):
            other = name.split(".")[1]
            assert other == room or other in MAY_IMPORT[room], f"{room} may not import {other}"
        else:
            assert name != "cobalamin", f"{path.name} imports the front door from inside the house"


@pytest.mark.parametrize("path", modules(PACKAGE), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_heavy_libraries_are_imported_where_they_are_used(path: Path) -> None:
    allowed = {"typer"} if path.name == "cli.py" else set()  # the command line itself; 0.08 s
    found = {n.split(".")[0] for n in imported(ast.parse(path.read_text(encoding="utf-8")), top_level_only=True)} & HEAVY - allowed
    assert not found, f"import {', '.join(sorted(found))} inside the function that needs it (cobalamin --help must stay fast)"


@pytest.mark.parametrize("path", modules(PROJECT / "analyses"), ids=lambda p: p.relative_to(PROJECT).as_posix())
def test_analyses_use_the_public_names_only(path: Path) -> None:
    for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        assert not name.startswith("cobalamin."), f"{path.name}: {name} is not public; use `import cobalamin as cb`"


# Inside `models` too imports go one way: a folder uses those before it. The files at the top and `matrix` are the ground floor.
FLOORS = (
    ("", "matrix"), ("regression", "describe", "tables"), ("cox",), ("likelihood",), ("ordinal", "repeated"), ("curves",), ("interval",),
    ("parametric",), ("competing", "sampled"), ("multistate",), ("recurrent",), ("after",), ("figures",),
)  # fmt: skip
FLOOR = {name: level for level, names in enumerate(FLOORS) for name in names}


@pytest.mark.parametrize("path", modules(PACKAGE / "models"), ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_models_import_downwards_only(path: Path) -> None:
    parts = path.relative_to(PACKAGE / "models").parts
    own = parts[0] if len(parts) > 1 else ""
    for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        if name.startswith("cobalamin.models."):
            inner = name.split(".")[2:]
            other = inner[0] if len(inner) > 1 else ""
            assert own == other or FLOOR[other] <= FLOOR[own], f"models/{own} may not import models/{other}: put what both need lower"
