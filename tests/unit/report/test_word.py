"""The Word file: the page's texts and tables, in styles, with fields, bookmarks, repeated headers and words for every picture."""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from typing import Any
from xml.etree import ElementTree as ET

import docx
import pytest
from unit.report import paper
from unit.report.examples import nhanes_estimates, nhanes_facts, onset_estimates, onset_facts

from cobalamin.report.blocks import Document
from cobalamin.report.blocks_text import clean, document_texts
from cobalamin.report.document import compose
from cobalamin.report.html import render
from cobalamin.report.word import render_word

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
WP = "{http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing}"
# what may stand beside the name of a style in a paragraph: pagination, and the properties of the pages that end here
NOT_LOOKS = {f"{W}pStyle", f"{W}keepNext", f"{W}sectPr"}


def parts(made: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def body(made: bytes) -> ET.Element:
    return ET.fromstring(parts(made)["word/document.xml"])


def text(node: ET.Element) -> str:
    return "".join("\n" if n.tag == f"{W}br" else n.text or "" for n in node.iter() if n.tag in {f"{W}t", f"{W}br"})


def cells(table: ET.Element) -> list[list[str]]:
    return [[text(cell) for cell in row.findall(f"{W}tc")] for row in table.findall(f"{W}tr")]


@pytest.fixture(scope="module", params=["onset", "nhanes"])
def study(request: pytest.FixtureRequest) -> tuple[Document, bytes]:
    made = (onset_estimates(), onset_facts()) if request.param == "onset" else (nhanes_estimates(), nhanes_facts())
    document = compose(*made)
    return document, render_word(document, made[1])


@pytest.fixture(scope="module")
def hard() -> bytes:
    return render_word(paper.hard_document(), onset_facts(outcome=paper.HOSTILE, group=paper.HOSTILE, disclosure=paper.HOSTILE))


def test_says_every_text_of_the_document(study: tuple[Document, bytes]) -> None:
    document, made = study
    said = "\n".join(text(p) for p in body(made).iter(f"{W}p"))
    lines = [line for t in document_texts(document) for line in t.split("\n")]
    assert [line for line in lines if line not in said] == []
    assert len(lines) > 100


def test_tables_are_those_of_the_page(study: tuple[Document, bytes]) -> None:
    document, made = study
    assert [cells(t) for t in body(made).iter(f"{W}tbl")] == paper.PageTables(render(document)).tables


def test_captions_are_numbered_by_fields_in_bookmarks(study: tuple[Document, bytes]) -> None:
    document, made = study
    captions = [p for p in body(made).iter(f"{W}p") if p.find(f"{W}pPr/{W}pStyle").get(f"{W}val") == "Caption"]  # type: ignore[union-attr]
    assert [text(p) for p in captions] == [f"{e.name}. {e.title}" for e in document.exhibits]
    for caption, exhibit in zip(captions, document.exhibits, strict=True):
        assert [i.text for i in caption.iter(f"{W}instrText")] == [f" SEQ {exhibit.kind.capitalize()} \\* ARABIC "]
        assert len(list(caption.iter(f"{W}bookmarkStart"))) == 1


def test_links_lead_to_bookmarks(study: tuple[Document, bytes]) -> None:
    document, made = study
    root = body(made)
    names = [b.get(f"{W}name") or "" for b in root.iter(f"{W}bookmarkStart")]
    numbers = [b.get(f"{W}id") for b in root.iter(f"{W}bookmarkStart")]
    assert len(set(names)) == len(names) and len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"[A-Za-z]\w{0,39}", name) for name in names)
    assert {h.get(f"{W}anchor") for h in root.iter(f"{W}hyperlink")} == set(names)
    assert len(names) == len(document.sections) + len(document.exhibits)
    marks = Counter(f.get(f"{W}fldCharType") for f in root.iter(f"{W}fldChar"))
    assert marks["begin"] == marks["separate"] == marks["end"] > len(document.exhibits)


def test_headings_follow_the_document(study: tuple[Document, bytes]) -> None:
    document, made = study
    file = docx.Document(io.BytesIO(made))
    assert [p.text for p in file.paragraphs if p.style and p.style.name == "Title"] == [document.title]
    assert [p.text for p in file.paragraphs if p.style and p.style.name == "Heading 1"] == [s.title for s in document.sections]
    outline = {s.name: s.element.find(f"{W}pPr/{W}outlineLvl") for s in file.styles if (s.name or "").startswith("Heading ")}
    assert all(outline[f"Heading {i}"].get(f"{W}val") == str(i - 1) for i in (1, 2, 3))


def test_the_look_is_in_styles_of_the_file(study: tuple[Document, bytes]) -> None:
    made = study[1]
    defined = {s.get(f"{W}styleId") for s in ET.fromstring(parts(made)["word/styles.xml"]).iter(f"{W}style")}
    root = body(made)
    used = {n.get(f"{W}val") for tag in ("pStyle", "rStyle", "tblStyle") for n in root.iter(f"{W}{tag}")}
    assert used <= defined
    assert {"Title", "Heading1", "Caption", "Tabletext", "Tabletext1", "Tabletext2", "Tablenumber", "Tablenote"} <= defined
    assert {n.tag for p in root.iter(f"{W}pPr") for n in p} <= NOT_LOOKS
    assert {n.tag for r in root.iter(f"{W}rPr") for n in r} <= {f"{W}rStyle"}


def test_indents_of_rows_are_kept() -> None:
    made = render_word(paper.one(paper.long_table(3)))
    styles = [p.get(f"{W}val") for p in body(made).iter(f"{W}pStyle")]
    assert styles.count("Tabletext1") == 3 and styles.count("Tablegroup") == 1 and styles.count("Tablenote") == 1


def test_header_rows_repeat_and_rows_stay_whole(hard: bytes) -> None:
    for table in body(hard).iter(f"{W}tbl"):
        rows = table.findall(f"{W}tr")
        assert [r.find(f"{W}trPr/{W}tblHeader") is not None for r in rows] == [True] + [False] * (len(rows) - 1)
        assert all(r.find(f"{W}trPr/{W}cantSplit") is not None for r in rows)


def test_short_tables_stay_whole_and_long_ones_do_not_begin_at_the_foot_of_a_page() -> None:
    def kept(rows: int) -> list[bool]:
        table = next(body(render_word(paper.one(paper.long_table(rows)))).iter(f"{W}tbl"))
        return [all(p.find(f"{W}pPr/{W}keepNext") is not None for p in row.iter(f"{W}p")) for row in table.findall(f"{W}tr")]

    assert all(kept(10))
    assert kept(90) == [True] * 5 + [False] * 87


def test_pictures_and_tables_have_words(study: tuple[Document, bytes]) -> None:
    document, made = study
    root = body(made)
    shown = [d.get("descr") for d in root.iter(f"{WP}docPr")]
    assert shown == [clean(e.alt) for e in document.exhibits if e.kind == "figure"]
    told = [d.get(f"{W}val") for d in root.iter(f"{W}tblDescription")]
    assert told == [clean(e.alt) for e in document.exhibits if e.kind == "table"]


def test_pictures_have_a_vector_form_that_office_can_follow(study: tuple[Document, bytes]) -> None:
    document, made = study
    files = parts(made)
    figures = [e for e in document.exhibits if e.kind == "figure"]
    drawings = {name: files[name].decode("utf-8") for name in files if name.endswith(".svg")}
    assert len(drawings) == len(figures) == files["word/document.xml"].count(b"svgBlip ")
    assert all(not re.search(r"(?<!xlink:)href=", d) for d in drawings.values())
    assert any("xlink:href=" in d for d in drawings.values())
    assert len([name for name in files if name.endswith(".png")]) == len(figures)
    assert b"image/svg+xml" in files["[Content_Types].xml"]


def test_hostile_labels_are_text(hard: bytes) -> None:
    files = parts(hard)
    root = body(hard)
    assert not any(tag in files["word/document.xml"] for tag in (b"<script", b"<lab>", b"\xee\x80\x80", b"\x07"))
    assert sum(text(p).count(clean(paper.HOSTILE)) for p in root.iter(f"{W}p")) >= 12
    whole = paper.PageTables(render(paper.hard_document())).tables[-1]
    assert cells(list(root.iter(f"{W}tbl"))[-1]) == [[clean(c) for c in row] for row in whole]
    codes = {i.text for i in root.iter(f"{W}instrText")}
    assert all(c and c.strip().split()[0] in {"TOC", "SEQ"} for c in codes)


def test_wide_tables_stand_sideways_and_too_wide_ones_in_panels(hard: bytes) -> None:
    file = docx.Document(io.BytesIO(hard))
    assert [s.orientation for s in file.sections] == [0, 1, 0, 1]
    assert all(s.page_width is not None and s.page_height is not None for s in file.sections)
    tables = [cells(t) for t in body(hard).iter(f"{W}tbl")]
    whole = paper.PageTables(render(paper.hard_document())).tables[1]
    panels = tables[1:-2]
    assert len(panels) > 1
    for i, row in enumerate(whole):
        assert [panels[0][i][0], *(cell for p in panels for cell in p[i][1:])] == row


def test_simulated_stands_at_the_head_of_every_page(hard: bytes) -> None:
    def heads(made: bytes) -> list[str]:
        return [text(ET.fromstring(b)) for name, b in parts(made).items() if "/header" in name]

    assert heads(hard) == ["SIMULATED DATA"]
    assert heads(render_word(paper.one(paper.groups(2)))) == []


def test_properties_have_no_clock_and_no_person(study: tuple[Document, bytes]) -> None:
    document, made = study
    own = docx.Document(io.BytesIO(made)).core_properties
    assert (own.title, own.subject, own.author, own.last_modified_by, own.language) == (
        document.title,
        document.question,
        "cobalamin",
        "cobalamin",
        "en-GB",
    )
    assert own.created == own.modified and own.created is not None and own.created.year == 1980
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        infos = archive.infolist()
    assert {i.date_time for i in infos} == {(1980, 1, 1, 0, 0, 0)}
    names = [i.filename for i in infos]
    assert names[0] == "[Content_Types].xml" and names[1:] == sorted(names[1:])


def test_the_same_document_gives_the_same_bytes() -> None:
    first, second = (render_word(compose(nhanes_estimates(), nhanes_facts()), nhanes_facts()) for _ in range(2))
    assert first == second


def test_every_part_is_declared_and_every_relation_has_its_part(hard: bytes) -> None:
    files = parts(hard)
    for name in (n for n in files if n.endswith(".rels")):
        folder = name.replace("_rels/", "").rsplit("/", 1)[0] if name.count("/") > 1 else ""
        for relation in ET.fromstring(files[name]):
            target = relation.get("Target", "")
            assert relation.get("TargetMode") != "External"
            path = target.lstrip("/") if target.startswith("/") or not folder else f"{folder}/{target}"
            assert re.sub(r"[^/]+/\.\./", "", path) in files, f"{name}: {target}"


def test_word_does_not_open_it_in_compatibility_mode(study: tuple[Document, bytes]) -> None:
    settings: Any = ET.fromstring(parts(study[1])["word/settings.xml"])
    modes = [s.get(f"{W}val") for s in settings.iter(f"{W}compatSetting") if s.get(f"{W}name") == "compatibilityMode"]
    assert modes == ["15"]
