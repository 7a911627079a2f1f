"""The typesetter behind PDF files and pictures: typst with fonts of its own, no clock, no network, no machine's fonts."""

from __future__ import annotations

import functools
import json
import struct
import zlib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cobalamin.core.errors import CobalaminError

if TYPE_CHECKING:
    from typst import Fonts

# 1980-01-01: files carry a date because their formats ask for one; the real one would make no two runs alike
EPOCH = 315_532_800
# PDF/A-2a: all that is needed to read it is inside; PDF/UA-1: tagged, with alternative texts
STANDARDS = ("a-2a", "ua-1")
DPI = 300
# bytes of a PNG: signature and header chunk
_HEADER_END = 33
_FAMILIES = ("Open Sans", "DejaVu Sans", "DejaVu Sans Mono", "Libertinus Serif", "Last Resort High-Efficiency")

_PICTURE = """
#set page(width: auto, height: auto, margin: 0pt, fill: white)
#set text(font: ("DejaVu Sans", "Last Resort High-Efficiency"))
#image(bytes(json(bytes(sys.inputs.document)).svg), format: "svg", width: WIDTHpt)
"""


class TypesettingError(CobalaminError, RuntimeError):
    """The typesetter refused a document."""


def typeset_pdf(template: str, document: Mapping[str, Any]) -> bytes:
    """Typeset a document.

    Parameters
    ----------
    template : str
        Name of a typst file in the folder ``assets``; it reads ``sys.inputs.document``.
    document : mapping
        What JSON can hold. Its texts reach typst as strings, never as markup.

    Returns
    -------
    bytes
        A PDF that meets PDF/A-2a and PDF/UA-1; the same document gives the same bytes.

    Raises
    ------
    TypesettingError
        typst refused it.
    """
    source = resources.files("cobalamin.report").joinpath("assets", template).read_bytes()
    return _compile(source, document, format="pdf", pdf_standards=list(STANDARDS), timestamp=EPOCH)


def picture(svg: str, width: float, *, dpi: int = DPI) -> bytes:
    r"""Paint a drawing.

    Parameters
    ----------
    svg : str
        One ``<svg>`` element, as in `FigureBody`.
    width : float
        Points.
    dpi : int
        Points of ink per inch.

    Returns
    -------
    bytes
        A PNG on white that knows its resolution; the same drawing gives the same bytes.

    Examples
    --------
    >>> square = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><rect width="10" height="10"/></svg>'
    >>> picture(square, 72, dpi=100)[:4]
    b'\x89PNG'
    """
    source = _PICTURE.replace("WIDTH", f"{width:.4f}").encode("ascii")
    return _with_resolution(_compile(source, {"svg": svg}, format="png", ppi=float(dpi)), dpi)


def _with_resolution(png: bytes, dpi: int) -> bytes:
    """Insert the chunk that says how many dots make a metre, right after the header chunk, as the format asks."""
    per_metre = round(dpi / 0.0254)
    content = b"pHYs" + struct.pack(">IIB", per_metre, per_metre, 1)
    chunk = struct.pack(">I", 9) + content + struct.pack(">I", zlib.crc32(content))
    return png[:_HEADER_END] + chunk + png[_HEADER_END:]


def _compile(source: bytes, document: Mapping[str, Any], **options: Any) -> bytes:
    import typst

    data = {"document": json.dumps(document, ensure_ascii=False)}
    try:
        made = typst.Compiler(font_paths=_fonts(), ignore_system_fonts=True).compile(source, sys_inputs=data, **options)
    except typst.TypstError as problem:
        hints = f" ({'; '.join(problem.hints)})" if problem.hints else ""
        raise TypesettingError(f"the typesetter refused the document: {problem.message}{hints}") from problem
    if not isinstance(made, bytes):
        raise TypesettingError(f"the typesetter made {type(made).__name__}; expected one file of {options['format']}.")
    return made


@functools.cache
def _fonts() -> Fonts:
    """Open Sans from this package; DejaVu Sans (as in the figures) and, for all other scripts, Last Resort from matplotlib."""
    import matplotlib as mpl
    import typst

    own = Path(str(resources.files("cobalamin.report").joinpath("fonts")))
    found = typst.Fonts(include_system_fonts=False, font_paths=[own, Path(mpl.get_data_path()) / "fonts" / "ttf"])
    lacking = [name for name in _FAMILIES if name not in found.families()]
    if lacking:
        # another face would change every line of every report without a word
        raise TypesettingError(
            f"{len(lacking)} font(s) are not installed with cobalamin or matplotlib: {', '.join(lacking)}; reinstall them."
        )
    return found
