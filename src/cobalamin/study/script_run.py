"""Running the script of a study: one named file of the study folder, one function, results in the one schema.

A protocol, a dictionary or a data file can never run code. A script is code: whoever runs the study runs it, with all they may do.
"""

from __future__ import annotations

import ast
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from cobalamin.core.errors import CobalaminError, did_you_mean
from cobalamin.core.estimates import Estimates
from cobalamin.core.fingerprint import file_hash
from cobalamin.study.script_protocol import ScriptSection

FUNCTION = "analyse"
_MODULE = "cobalamin_study_script"


class ScriptError(CobalaminError, RuntimeError):
    """The script of a study is not there, cannot be read, failed, or did not return Estimates."""


class _Uncached(SourceFileLoader):
    """Compiles what stands in the file now: no stale copy is run, and none is left in the study folder."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def script_path(folder: Path, name: str) -> Path:
    """Return a file of the study folder, links followed.

    Parameters
    ----------
    folder : Path
        The study folder.
    name : str
        Path in it, as the protocol names it.

    Returns
    -------
    Path
        An existing file inside the folder.

    Raises
    ------
    ScriptError
        No such file, or a link that leads out of the folder.
    """
    home = folder.resolve()
    path = (home / name).resolve()
    if not path.is_relative_to(home):
        raise ScriptError(f"[script] '{name}' leads out of the study folder '{folder.name}'. Put the file itself there.")
    if not path.is_file():
        raise ScriptError(f"[script] there is no file '{name}' in '{folder.name}'.")
    return path


def script_hashes(section: ScriptSection, folder: Path) -> dict[str, str]:
    """Return what a run depends on.

    Parameters
    ----------
    section : ScriptSection
        The protocol's ``[script]``.
    folder : Path
        The study folder.

    Returns
    -------
    dict of str to str
        The script and its inputs -> SHA-256.

    Raises
    ------
    ScriptError
        A file is not there.
    """
    return {name: file_hash(script_path(folder, name)) for name in (section.file, *section.inputs)}


def read_script(section: ScriptSection, folder: Path) -> ast.FunctionDef:
    """Read a script without running it.

    Parameters
    ----------
    section : ScriptSection
        The protocol's ``[script]``.
    folder : Path
        The study folder.

    Returns
    -------
    FunctionDef
        Its function ``analyse``.

    Raises
    ------
    ScriptError
        Not Python, or without a function ``analyse`` that takes the study folder.
    """
    try:
        tree = ast.parse(script_path(folder, section.file).read_bytes())
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise ScriptError(f"{section.file}{line}: not readable as Python.") from error
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if FUNCTION not in defined:
        hint = did_you_mean(FUNCTION, defined)
        raise ScriptError(f"{section.file} defines no function '{FUNCTION}(folder)' that returns cb.Estimates.{hint}")
    function = defined[FUNCTION]
    given = [*function.args.posonlyargs, *function.args.args]
    needed = len(given) - len(function.args.defaults)
    if needed > 1 or not (given or function.args.vararg):
        raise ScriptError(f"{section.file}: '{FUNCTION}' takes {needed} arguments; expected one, the study folder.")
    return function


def run_script(section: ScriptSection, folder: Path) -> Estimates:
    """Run a script.

    Parameters
    ----------
    section : ScriptSection
        The protocol's ``[script]``.
    folder : Path
        The study folder.

    Returns
    -------
    Estimates
        What its function ``analyse`` returns for the folder.

    Raises
    ------
    ScriptError
        As `read_script`; or it fails, returns something else or no row, or changes a file it is said to read.
    """
    read_script(section, folder)
    before = script_hashes(section, folder)
    path = script_path(folder, section.file)
    try:
        made = _called(path, folder.resolve())
    except CobalaminError:
        raise
    except (Exception, SystemExit) as error:
        # the text of the error may hold values of persons; the traceback keeps it for whoever asks
        place = _line(error, path)
        raise ScriptError(
            f"{section.file}{place}: failed with {type(error).__name__}. Call its '{FUNCTION}' in Python to see more."
        ) from error
    if not isinstance(made, Estimates):
        raise ScriptError(f"{section.file}: '{FUNCTION}' returned {type(made).__name__}; expected cb.Estimates.")
    if not len(made):
        raise ScriptError(f"{section.file}: '{FUNCTION}' returned no row.")
    changed = [name for name, digest in script_hashes(section, folder).items() if before[name] != digest]
    if changed:
        raise ScriptError(f"{section.file}: changed '{changed[0]}' while it ran; a script only reads its inputs.")
    return made


def _called(path: Path, folder: Path) -> Any:
    module = _loaded(path)
    try:
        return getattr(module, FUNCTION)(folder)
    finally:
        sys.modules.pop(_MODULE, None)


def _loaded(path: Path) -> ModuleType:
    loader = _Uncached(_MODULE, str(path))
    spec = spec_from_loader(_MODULE, loader)
    assert spec is not None
    module = module_from_spec(spec)
    # dataclasses of the script look their module up
    sys.modules[_MODULE] = module
    try:
        loader.exec_module(module)
    except BaseException:
        sys.modules.pop(_MODULE, None)
        raise
    return module


def _line(error: BaseException, path: Path) -> str:
    """The last line of the script on the way to an error."""
    lines, trace = [], error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f", line {lines[-1]}" if lines else ""
