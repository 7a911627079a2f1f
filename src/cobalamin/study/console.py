"""What the command line shows: steps with their times on a terminal, plain lines elsewhere, never a traceback."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Progress = Callable[[str], None]


def silent(step: str) -> None:
    """Show nothing (library use).

    Parameters
    ----------
    step : str
        What begins now.
    """
    del step


def say(text: str, *, error: bool = False) -> None:
    """Write one line to standard output, or to standard error.

    Parameters
    ----------
    text : str
        The line.
    error : bool
        Whether it goes to standard error.
    """
    stream = sys.stderr if error else sys.stdout
    stream.write(text + "\n")
    stream.flush()


@contextmanager
def steps() -> Iterator[Progress]:
    """Yield a function that announces the step that begins now.

    Yields
    ------
    Progress
        ``progress("fit model adjusted")``; on a terminal a spinner with the elapsed time, else one line per step.
    """
    if sys.stdout.isatty():
        with _spinner() as progress:
            yield progress
    else:
        started = time.monotonic()
        yield lambda step: say(f"[{time.monotonic() - started:6.1f} s] {step}")


@contextmanager
def _spinner() -> Iterator[Progress]:
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    with Bar(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), transient=False) as bar:
        state: dict[str, int] = {}

        def progress(step: str) -> None:
            if "task" in state:
                bar.update(state["task"], completed=1)  # type: ignore[arg-type]
            state["task"] = int(bar.add_task(step, total=1))

        yield progress
        if "task" in state:
            bar.update(state["task"], completed=1)  # type: ignore[arg-type]
