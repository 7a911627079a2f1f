"""Digital object identifiers in table cells become links, and nothing else does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from markupsafe import Markup

# what a DOI may look like before the first character that could end an attribute or a tag
_DOI = re.compile(r"\bdoi:(10\.\d{4,9}/[^\s\"'<>&]+)")


def linked(text: str) -> Markup:
    """Escape a text and turn ``doi:10....`` into a link to its publication.

    Parameters
    ----------
    text : str
        A cell.

    Returns
    -------
    Markup
        HTML; a text without a DOI is only escaped.

    Examples
    --------
    >>> str(linked("A <b> doi:10.1/x")), str(linked("doi:10.1136/bmj.c2181"))
    ('A &lt;b&gt; doi:10.1/x', '<a href="https://doi.org/10.1136/bmj.c2181">doi:10.1136/bmj.c2181</a>')
    """
    from markupsafe import Markup, escape

    parts = _DOI.split(text)
    made = [
        Markup('<a href="https://doi.org/{}">doi:{}</a>').format(quote(part, safe="/:;().-_"), part) if i % 2 else escape(part)
        for i, part in enumerate(parts)
    ]
    return Markup("").join(made)
