"""The styles of the Word file: whoever edits it changes a style once, not every paragraph."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cobalamin.report.word_xml import Element, make

if TYPE_CHECKING:
    from docx.document import Document as WordDocument
    from docx.styles.styles import Styles

BODY, CODE = "Calibri", "Consolas"
INK, SOFT, RULE = "1D2125", "4D565F", "AAB1B8"
LANGUAGE = "en-GB"
TABLE_STYLE = "CobalaminTable"
# type sizes of tables, in points: that of `blocks_layout` and the style's suffix
TABLE_SIZES = {8.5: "", 7.5: " small", 7.0: " smallest"}
_TEMPLATE_KEEPS = {"Normal Table"}
# names that Word knows itself and the template lacks
_WORDS_OWN = {"toc 1", "table of figures"}


@dataclass(frozen=True)
class Look:
    """A paragraph style.

    Attributes
    ----------
    name, base : str
        Name in Word and name of the style it is based on.
    size : float
        Points; 0 = that of the base.
    bold, center, right, keep : bool
        Weight, alignment and whether it stays with the next paragraph.
    color : str
        Six hexadecimal digits; empty = that of the base.
    space : tuple of float or None
        Points before and after; None = those of the base.
    indent, hanging : float
        Points from the left, and by which the first line hangs out.
    bar, band : str
        Colours of a bar at the left and of the ground; empty = none.
    """

    name: str
    base: str = "Normal"
    size: float = 0.0
    bold: bool = False
    center: bool = False
    right: bool = False
    keep: bool = False
    color: str = ""
    space: tuple[float, float] | None = None
    indent: float = 0.0
    hanging: float = 0.0
    bar: str = ""
    band: str = ""


_LOOKS = (
    Look("Normal", "", 10.5, color=INK, space=(0, 6)),
    Look("Title", "", 19, bold=True, color=INK, space=(0, 4)),
    Look("Subtitle", "", 12, color=SOFT, space=(0, 10)),
    Look("Heading 1", "", 14, bold=True, color=INK, space=(18, 6), keep=True),
    Look("Heading 2", "", 11.5, bold=True, color=INK, space=(12, 4), keep=True),
    Look("Heading 3", "", 10.5, bold=True, color=SOFT, space=(8, 3), keep=True),
    Look("TOC Heading", "Normal", 12, bold=True, color=INK, space=(10, 3), keep=True),
    Look("toc 1", "Normal", space=(0, 2)),
    Look("table of figures", "Normal", 9.5, space=(0, 2)),
    Look("Caption", "", 9.5, color=INK, space=(12, 4), keep=True),
    Look("Caption text", "Normal", 8.5, color=SOFT, space=(3, 3)),
    Look("Table note", "Caption text", space=(0, 2)),
    Look("Figure", "Normal", center=True, keep=True, space=(10, 4)),
    Look("List Bullet", "", space=(0, 5)),
    Look("Definition", "Normal", 9.5, space=(0, 3), indent=14, hanging=14),
    Look("Note", "Normal", color="3F4850", space=(6, 8), indent=6, bar=RULE, band="F3F5F7"),
    Look("Note warning", "Note", color="7A4A00", bar="7A4A00", band="FFF6E5"),
    Look("Note simulated", "Note", color="8A1C00", bar="8A1C00", band="FFECE6"),
    Look("Header", "", 9, center=True, color=SOFT, space=(0, 0)),
    Look("Footer", "", 8, center=True, color=SOFT, space=(0, 0)),
)
_TABLE_LOOKS = (
    Look("Table text", "Normal", 8.5, space=(1.5, 1.5)),
    Look("Table text 1", "Table text", indent=9),
    Look("Table text 2", "Table text", indent=18),
    Look("Table number", "Table text", right=True),
    Look("Table heading", "Table text", bold=True),
    Look("Table heading right", "Table heading", right=True),
    Look("Table group", "Table text", bold=True, space=(6, 1.5)),
)


def style_id(name: str) -> str:
    """Return the id of one of our styles.

    Parameters
    ----------
    name : str
        Name in Word.

    Returns
    -------
    str
        As Word makes it: the name without blanks.

    Examples
    --------
    >>> style_id("Table text 1 small")
    'Tabletext1small'
    """
    return name.replace(" ", "")


def apply_styles(word: WordDocument) -> None:
    """Define every style of the report in a file, and drop the template's table styles.

    Parameters
    ----------
    word : docx.document.Document
        A new file; it is changed.
    """
    styles = word.styles
    _drop_unused(styles)
    _set_defaults(styles)
    for look in _LOOKS:
        _define(styles, look)
    for size, suffix in TABLE_SIZES.items():
        for look in _TABLE_LOOKS:
            _define(styles, _resized(look, size, suffix))
    _characters(styles)
    styles.element.append(_table_style())


def _resized(look: Look, size: float, suffix: str) -> Look:
    base = look.base + suffix if look.base.startswith("Table") else look.base
    return dataclasses.replace(look, name=look.name + suffix, base=base, size=size if look.size else 0.0)


def _drop_unused(styles: Styles) -> None:
    from docx.enum.style import WD_STYLE_TYPE

    for style in list(styles):
        if style.type == WD_STYLE_TYPE.TABLE and style.name not in _TEMPLATE_KEEPS:
            style.delete()


def _set_defaults(styles: Styles) -> None:
    """Face and language of the whole file."""
    from docx.oxml.ns import qn

    defaults = styles.element.find(qn("w:docDefaults"))
    if defaults is not None:
        styles.element.remove(defaults)
    faces = make("rFonts", ascii=BODY, hAnsi=BODY, eastAsia=BODY, cs=BODY)
    language = make("lang", val=LANGUAGE, eastAsia=LANGUAGE, bidi="he-IL")
    characters = make("rPrDefault", make("rPr", faces, make("sz", val=21), make("szCs", val=21), language))
    styles.element.insert(0, make("docDefaults", characters, make("pPrDefault", make("pPr"))))


def _define(styles: Styles, look: Look) -> None:
    """Make or restyle a paragraph style; direct values of the template are dropped first."""
    from docx.enum.style import WD_STYLE_TYPE
    from docx.oxml.ns import qn

    style = styles[look.name] if look.name in styles else styles.add_style(look.name, WD_STYLE_TYPE.PARAGRAPH, look.name in _WORDS_OWN)  # type: ignore[no-untyped-call]
    if look.base:
        style.base_style = styles[look.base]
    style.hidden, style.quick_style, style.unhide_when_used = False, True, False
    numbering = style.element.findall(f"{qn('w:pPr')}/{qn('w:numPr')}") if look.name.startswith("List") else []
    outline = style.element.findall(f"{qn('w:pPr')}/{qn('w:outlineLvl')}")
    for name in ("w:pPr", "w:rPr"):
        for old in style.element.findall(qn(name)):
            style.element.remove(old)
    style.element.append(_paragraph_look(look, numbering, outline))
    style.element.append(_character_look(look))


def _paragraph_look(look: Look, numbering: list[Element], outline: list[Element]) -> Element:
    parts = [make("keepNext")] if look.keep else []
    parts += [make("keepLines")] if look.keep else []
    parts += numbering
    parts += [make("pBdr", make("left", val="single", sz=24, space=6, color=look.bar))] if look.bar else []
    parts += [make("shd", val="clear", color="auto", fill=look.band)] if look.band else []
    if look.space is not None:
        before, after = (round(20 * x) for x in look.space)
        parts.append(make("spacing", before=before, after=after, line=252, lineRule="auto"))
    if look.indent or look.hanging:
        parts.append(make("ind", left=round(20 * look.indent), hanging=round(20 * look.hanging)))
    elif numbering:
        parts.append(make("ind", left=320, hanging=320))
    parts += [make("jc", val="center" if look.center else "right")] if look.center or look.right else []
    return make("pPr", *parts, *outline)


def _character_look(look: Look) -> Element:
    parts = [make("rFonts", ascii=BODY, hAnsi=BODY, eastAsia=BODY, cs=BODY)] if not look.base else []
    parts += [make("b"), make("bCs")] if look.bold else []
    parts += [make("color", val=look.color)] if look.color else []
    parts += [make("sz", val=round(2 * look.size)), make("szCs", val=round(2 * look.size))] if look.size else []
    return make("rPr", *parts)


def _characters(styles: Styles) -> None:
    code = make("rFonts", ascii=CODE, hAnsi=CODE, eastAsia=CODE, cs=CODE)
    looks = {
        "Caption label": [make("b"), make("bCs")],
        "Simulated mark": [make("b"), make("bCs"), make("color", val="8A1C00")],
        "Heading detail": [make("b", val=0), make("bCs", val=0), make("color", val=SOFT)],
        "Definition term": [make("b"), make("bCs")],
        "Definition value": [code, make("sz", val=16), make("szCs", val=16)],
    }
    for name, parts in looks.items():
        head = (make("name", val=name), make("basedOn", val="DefaultParagraphFont"), make("uiPriority", val=9), make("qFormat"))
        styles.element.append(make("style", *head, make("rPr", *parts), type="character", customStyle=1, styleId=style_id(name)))


def _table_style() -> Element:
    """Lines above, below and under the headings, as journals print tables."""
    thick: dict[str, str | int] = {"val": "single", "sz": 8, "space": 0, "color": INK}
    thin = thick | {"sz": 4}
    sides = {"left": 80, "right": 80}
    margins = make("tblCellMar", *(make(side, w=width, type="dxa") for side, width in sides.items()))
    borders = make("tblBorders", make("top", **thick), make("bottom", **thick))
    first = make("tblStylePr", make("tcPr", make("tcBorders", make("bottom", **thin))), type="firstRow")
    head = (make("name", val="Cobalamin table"), make("basedOn", val="TableNormal"), make("uiPriority", val=59), make("qFormat"))
    return make("style", *head, make("tblPr", borders, margins), first, type="table", customStyle=1, styleId=TABLE_STYLE)
