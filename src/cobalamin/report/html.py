"""Draw a Document as one self-contained HTML page: inline style and SVG, no script, no network, a strict security policy."""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib import resources
from typing import TYPE_CHECKING

from cobalamin.report.blocks import Document
from cobalamin.report.evidence_links import linked
from cobalamin.report.exhibit import Exhibit
from cobalamin.report.labels import plain

if TYPE_CHECKING:
    from jinja2 import Environment

_ASSETS = "cobalamin.report"


def render(document: Document) -> str:
    """Draw the whole page.

    Parameters
    ----------
    document : Document
        From `compose`.

    Returns
    -------
    str
        HTML; the same document gives the same text.

    Examples
    --------
    >>> from cobalamin.core.estimates import Estimates
    >>> from cobalamin.report.document import compose
    >>> from cobalamin.report.facts import StudyFacts
    >>> render(compose(Estimates.from_rows([]), StudyFacts("A <b> study", "Why?"))).count("A &lt;b&gt; study")
    2
    """
    css = _asset("style.css")
    digest = base64.b64encode(hashlib.sha256(css.encode("utf-8")).digest()).decode("ascii")
    text = _environment().get_template("page.html.jinja").render(document=document, css=css, css_hash=digest)
    return _tidy(text)


def render_body(document: Document) -> str:
    """Draw the sections only, for a notebook.

    Parameters
    ----------
    document : Document
        From `compose`.

    Returns
    -------
    str
        HTML fragment without style.
    """
    return _tidy(_environment().get_template("body.html.jinja").render(document=document))


def render_exhibit(exhibit: Exhibit) -> str:
    """Draw one table or figure.

    Parameters
    ----------
    exhibit : Exhibit
        Numbered or not.

    Returns
    -------
    str
        HTML fragment without style.
    """
    return _tidy(_environment().from_string('{% import "parts.html.jinja" as parts %}{{ parts.exhibit(e) }}').render(e=exhibit))


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    made = Environment(loader=FunctionLoader(_asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["plain"] = plain
    made.filters["linked"] = linked
    return made


@functools.cache
def _asset(name: str) -> str:
    return resources.files(_ASSETS).joinpath("assets", name).read_text(encoding="utf-8")


def _tidy(text: str) -> str:
    """Drop blanks at line ends and empty lines, which templates leave behind."""
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip()) + "\n"
