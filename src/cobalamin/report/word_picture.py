"""A drawing in Word: a picture of 300 dots per inch, the vectors beside it for programs that draw SVG, and its words."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from cobalamin.report import svg
from cobalamin.report.blocks_layout import figure_layout
from cobalamin.report.blocks_text import clean
from cobalamin.report.exhibit import Exhibit, FigureBody
from cobalamin.report.pdf_engine import picture
from cobalamin.report.word_xml import Element, make

if TYPE_CHECKING:
    from docx.document import Document as WordDocument

# [MS-ODRAWXML] 2.3.1.2: the extension by which a picture names its SVG form
_SVG_EXTENSION = "{96DAC541-7B7A-43D3-8B79-37D633B846F1}"
_ASVG = "http://schemas.microsoft.com/office/drawing/2016/SVG/main"


def word_picture(word: WordDocument, exhibit: Exhibit, number: int) -> Element:
    """Put a figure into a Word file.

    Parameters
    ----------
    word : docx.document.Document
        The file; the pictures are added to it.
    exhibit : Exhibit
        With a `FigureBody`.
    number : int
        Unique in the file.

    Returns
    -------
    Element
        A run with the drawing in line.

    Raises
    ------
    TypeError
        The exhibit is a table.
    """
    body = exhibit.body
    if not isinstance(body, FigureBody):
        raise TypeError(f"{exhibit.name} is a table; expected a figure.")
    layout = figure_layout(body)
    painted = io.BytesIO(picture(body.svg, layout.width))
    inline = _inline(word, painted, layout.width, layout.height, f"figure-{exhibit.number}.png")
    _name(inline, exhibit, number)
    _add_svg(word, inline, body, f"/word/media/figure-{exhibit.number}.svg")
    return _run(inline)


def office_svg(text: str) -> str:
    """Rewrite a drawing for Office, which follows references inside a drawing only as SVG 1.1 wrote them.

    Parameters
    ----------
    text : str
        SVG of a `FigureBody`.

    Returns
    -------
    str
        With ``xlink:href`` for ``href``.

    Examples
    --------
    >>> office_svg('<svg xmlns="http://www.w3.org/2000/svg"><use href="#a"/></svg>').count("xlink:href")
    1
    """
    root = svg.parse(text)
    for node in root.iter():
        target = node.attrib.pop("href", None)
        if target is not None:
            node.set(f"{{{svg.XLINK}}}href", target)
    ET.register_namespace("", svg.SVG)
    ET.register_namespace("xlink", svg.XLINK)
    return ET.tostring(root, encoding="unicode")


def _inline(word: WordDocument, painted: io.BytesIO, width: float, height: float, name: str) -> Element:
    from docx.shared import Pt

    inline: Element = word.part.new_pic_inline(painted, Pt(width), Pt(height))
    inline.graphic.graphicData.pic.nvPicPr.cNvPr.set("name", name)
    return inline


def _name(inline: Element, exhibit: Exhibit, number: int) -> None:
    """Give the words that are read aloud, to the drawing and to the picture in it."""
    from docx.oxml.ns import qn

    words = clean(exhibit.alt) or clean(exhibit.title)
    properties = inline.find(qn("wp:docPr"))
    inner = inline.find(f".//{qn('pic:cNvPr')}")
    for node in (properties, inner):
        if node is not None:
            node.set("id", str(number))
            node.set("descr", words)
    if properties is not None:
        properties.set("name", exhibit.name)
        properties.set("title", clean(exhibit.title))


def _add_svg(word: WordDocument, inline: Element, body: FigureBody, place: str) -> None:
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part
    from docx.oxml import parse_xml
    from docx.oxml.ns import nsdecls, qn

    part = Part(PackURI(place), "image/svg+xml", office_svg(body.svg).encode("utf-8"), word.part.package)
    key = word.part.relate_to(part, RELATIONSHIP_TYPE.IMAGE)
    extension = parse_xml(
        f'<a:extLst {nsdecls("a", "r")}><a:ext uri="{_SVG_EXTENSION}">'
        f'<asvg:svgBlip xmlns:asvg="{_ASVG}" r:embed="{key}"/></a:ext></a:extLst>'
    )
    blip = inline.find(f".//{qn('a:blip')}")
    if blip is not None:
        blip.append(extension)


def _run(inline: Element) -> Element:
    return make("r", make("drawing", inline))
