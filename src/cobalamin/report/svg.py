"""SVG that can live inside a strict page: presentation attributes only, ids unique to its exhibit, a title and a description.

Everything is built or rewritten as an element tree, so text is escaped by the serializer and never pasted.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from cobalamin.report.exhibit import FigureBody
from cobalamin.report.labels import SIMULATED, plain

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
FONT = "DejaVu Sans, Verdana, Arial, sans-serif"
_URL = re.compile(r"url\(#([^)]+)\)")


def element(name: str, text: str = "", **attributes: str | float) -> ET.Element:
    """Make an SVG element.

    Parameters
    ----------
    name : str
        Tag.
    text : str
        Text content.
    **attributes
        Attributes; ``_`` in a name stands for ``-``, numbers are rounded to two decimals.

    Returns
    -------
    Element
        The element.

    Examples
    --------
    >>> element("rect", stroke_width=1).attrib
    {'stroke-width': '1'}
    """
    made = ET.Element(f"{{{SVG}}}{name}", {k.rstrip("_").replace("_", "-"): _attribute(v) for k, v in attributes.items()})
    made.text = text or None
    return made


def finish(root: ET.Element, *, key: str, title: str, desc: str, simulated: bool = False) -> FigureBody:
    """Make an SVG tree ready to be put into any document.

    Parameters
    ----------
    root : Element
        An ``<svg>`` with a ``viewBox``.
    key : str
        Prefix of every id.
    title, desc : str
        Accessible name and description.
    simulated : bool
        Whether to print the SIMULATED mark across the drawing.

    Returns
    -------
    FigureBody
        The drawing.
    """
    _strip(root)
    _prefix_ids(root, key)
    width, height = (float(x) for x in root.attrib["viewBox"].split()[2:])
    for name in ("width", "height", "version", "style"):
        root.attrib.pop(name, None)
    named = {"role": "img", "aria-labelledby": f"{key}-title {key}-desc", "stroke-linejoin": "round"}
    root.attrib.update(named)
    head = [element("title", plain(title), id=f"{key}-title"), element("desc", plain(desc), id=f"{key}-desc")]
    for i, node in enumerate(head):
        root.insert(i, node)
    if simulated:
        root.append(_mark(width, height))
    # a font size in user units of points becomes CSS pixels at 4/3
    return FigureBody(_serialize(root), width, height)


def parse(text: str) -> ET.Element:
    """Read SVG text of our own making.

    Parameters
    ----------
    text : str
        SVG.

    Returns
    -------
    Element
        Its root.
    """
    return ET.fromstring(text)


def _mark(width: float, height: float) -> ET.Element:
    """Draw the watermark: pale enough to read through, dark enough for a grey print."""
    size = min(width / 9.5, height / 3)
    group = element("g", fill="#000000", opacity="0.08", font_family=FONT, font_weight="bold", aria_hidden="true")
    turn = f"rotate(-18 {_attribute(width / 2)} {_attribute(height / 2)})"
    group.append(element("text", SIMULATED, x=width / 2, y=height / 2 + size / 3, font_size=size, text_anchor="middle", transform=turn))
    return group


def _strip(node: ET.Element) -> None:
    """Drop metadata, style sheets and comments; turn style attributes into presentation attributes."""
    for child in list(node):
        if not isinstance(child.tag, str) or child.tag.split("}")[-1] in {"metadata", "style", "script"}:
            node.remove(child)
            continue
        _strip(child)
    for part in node.attrib.pop("style", "").split(";"):
        name, _, value = part.partition(":")
        if value.strip():
            node.set(name.strip(), value.strip())
    href = node.attrib.pop(f"{{{XLINK}}}href", None)
    if href is not None:
        node.set("href", href)


def _prefix_ids(root: ET.Element, key: str) -> None:
    """Keep only ids that are referred to, each with the exhibit's key in front: one page holds many drawings."""
    used: set[str] = set()
    for node in root.iter():
        used.update(m for v in node.attrib.values() for m in _URL.findall(v))
        if node.get("href", "").startswith("#"):
            used.add(node.attrib["href"][1:])
    short = {name: f"{key}-{i}" for i, name in enumerate(sorted(used))}
    for node in root.iter():
        name = node.attrib.pop("id", None)
        if name in short:
            node.set("id", short[name])
        for attribute, value in list(node.attrib.items()):
            if attribute == "href" and value[1:] in short:
                node.set("href", f"#{short[value[1:]]}")
            elif "url(#" in value:
                node.set(attribute, _URL.sub(lambda m: f"url(#{short[m[1]]})", value))


def _serialize(root: ET.Element) -> str:
    ET.register_namespace("", SVG)
    return ET.tostring(root, encoding="unicode")


def _attribute(value: str | float) -> str:
    return value if isinstance(value, str) else f"{round(value, 2):g}" if abs(value) < 1e5 else f"{value:.2f}"
