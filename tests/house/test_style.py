"""The limits of the house style: length of files and functions, docstrings, nothing hidden and nothing global."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = PROJECT / "src" / "cobalamin"
MODULE_LINES = 330
BODY_LINES = 60
FORBIDDEN_CALLS = {
    "print",
    "breakpoint",
    "eval",
    "exec",
    "np.random.seed",
    "date.today",
    "datetime.now",
    "datetime.today",
    "pd.Timestamp.now",
    "pickle.load",
    "pickle.loads",
    "yaml.load",
}


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))


def body_length(node: ast.FunctionDef) -> int:
    body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1


@pytest.mark.parametrize("path", modules(), ids=lambda p: p.relative_to(PACKAGE).as_posix())
class TestEveryModule:
    def test_is_short_enough_to_read(self, path: Path) -> None:
        assert path.read_text(encoding="utf-8").count("\n") <= MODULE_LINES

    def test_has_short_functions(self, path: Path) -> None:
        long = [f"{f.name} {body_length(f)}" for f in functions(ast.parse(path.read_text(encoding="utf-8"))) if body_length(f) > BODY_LINES]
        assert not long

    def test_documents_its_public_functions(self, path: Path) -> None:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for f in tree.body:
            if isinstance(f, ast.FunctionDef) and not f.name.startswith("_"):
                doc = ast.get_docstring(f) or ""
                assert doc, f"{f.name}: no docstring"
                if _is_command(f):
                    continue  # its docstring is the help text, and its parameters carry their own
                assert "Returns" in doc or "Yields" in doc or _returns_nothing(f), f"{f.name}: the docstring has no Returns section"
                assert not _arguments(f) or "Parameters" in doc, f"{f.name}: the docstring has no Parameters section"

    def test_calls_nothing_forbidden(self, path: Path) -> None:
        called = {ast.unparse(n.func) for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)}
        assert not called & FORBIDDEN_CALLS


def _is_command(f: ast.FunctionDef) -> bool:
    return any(isinstance(d, ast.Call) and ast.unparse(d.func).endswith(".command") for d in f.decorator_list)


def _returns_nothing(f: ast.FunctionDef) -> bool:
    return isinstance(f.returns, ast.Constant) and f.returns.value is None


def _arguments(f: ast.FunctionDef) -> list[ast.arg]:
    return [*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs]


def test_functions_are_short_on_the_whole() -> None:
    lengths = sorted(body_length(f) for path in modules() for f in functions(ast.parse(path.read_text(encoding="utf-8"))))
    assert statistics.median(lengths) <= 8
    assert lengths[int(0.95 * len(lengths))] <= 30


TEXT_SUFFIXES = {".py", ".md", ".toml", ".yaml", ".yml", ".sh", ".lock", ".csv", ".R", ".json", ".txt", ".html", ".css", ".j2", ".cfg"}
HOSTS = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|deb\.debian\.org|files\.pythonhosted", re.I)
ABSOLUTE = re.compile(r"(?<![\w.~$/-])/(?:home|work|root|Users)/\w")


def committed_texts() -> list[Path]:
    skip = {".venv", ".git", "results", ".cache", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
    every = (p for p in PROJECT.rglob("*") if p.is_file() and not skip & set(p.relative_to(PROJECT).parts))
    return sorted(p for p in every if (p.suffix in TEXT_SUFFIXES or p.name == "Makefile") and "egg-info" not in str(p))


def test_no_file_names_a_registry_host_or_an_absolute_path() -> None:
    bad = []
    for path in committed_texts():
        if path == Path(__file__).resolve():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if HOSTS.search(line) or ABSOLUTE.search(line):
                bad.append(f"{path.relative_to(PROJECT)}:{number}")
    assert not bad
