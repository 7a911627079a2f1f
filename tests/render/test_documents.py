"""Word and PDF of a whole simulated study, read back by other programs: every caption and number is there, page by page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from support.studies import copy_study
from unit.report import paper

from cobalamin.report.blocks import Document
from cobalamin.report.blocks_text import REPLACEMENT, ZERO_WIDTH_SPACE, document_texts
from cobalamin.report.document import compose
from cobalamin.report.facts import StudyFacts
from cobalamin.report.pdf import render_pdf
from cobalamin.report.word import render_word
from cobalamin.study.study import load_study

pytestmark = pytest.mark.slow
NUMBER = re.compile(r"[−<>]?\d[\d,]*(?:\.\d+)?%?")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Document, StudyFacts]:
    results = load_study(copy_study("onset", tmp_path_factory.mktemp("onset"), persons=8_000)).run()
    return compose(results.estimates, results.facts), results.facts


@pytest.fixture(scope="module")
def files(study: tuple[Document, StudyFacts], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The typeset PDF, and the PDF that LibreOffice makes of the Word file; of the study and of the hard document."""
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext on this machine (poppler-utils)")
    folder = tmp_path_factory.mktemp("documents")
    for name, (document, facts) in {"study": study, "hard": (paper.hard_document(), None)}.items():
        (folder / f"{name}.pdf").write_bytes(render_pdf(document, facts))
        (folder / f"{name}.docx").write_bytes(render_word(document, facts))
    return {name: folder / name for name in ("study.pdf", "hard.pdf", "study.docx", "hard.docx")}


@pytest.fixture(scope="module")
def converted(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("no LibreOffice on this machine (libreoffice-writer-nogui)")
    folder = tmp_path_factory.mktemp("converted")
    own = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    names = [str(files[n]) for n in ("study.docx", "hard.docx")]
    subprocess.run([office, own, "--headless", "--convert-to", "pdf", "--outdir", str(folder), *names], check=True, capture_output=True)
    return {n: folder / n for n in ("study.pdf", "hard.pdf")}


def read(path: Path) -> str:
    return subprocess.run(["pdftotext", str(path), "-"], check=True, capture_output=True, text=True).stdout


def letters(text: str) -> str:
    """A text without blanks and line ends, ligatures opened, as a reader sees it."""
    return re.sub(rf"[\s{ZERO_WIDTH_SPACE}\u00ad]", "", unicodedata.normalize("NFKC", text))


def missing(document: Document, said: str) -> list[str]:
    """Texts that do not run on in the pages: a cell or caption is broken by line ends only, unless it goes over a page's end."""
    whole = letters(said)
    return [t for t in document_texts(document) if len(t) < 200 and letters(t) not in whole]


def test_the_pdf_says_every_text(study: tuple[Document, StudyFacts], files: dict[str, Path]) -> None:
    said = read(files["study.pdf"])
    lost = missing(study[0], said)
    assert len(lost) <= 0.01 * len(document_texts(study[0])), lost
    captions = [f"{e.name}. {e.title}" for e in study[0].exhibits]
    assert [c for c in captions if letters(c) not in letters(said)] == []


def test_the_word_file_says_every_text_in_libreoffice(study: tuple[Document, StudyFacts], converted: dict[str, Path]) -> None:
    said = read(converted["study.pdf"])
    lost = missing(study[0], said)
    assert len(lost) <= 0.01 * len(document_texts(study[0])), lost
    captions = [f"{e.name}. {e.title}" for e in study[0].exhibits]
    assert [c for c in captions if letters(c) not in letters(said)] == []


def test_every_number_is_there_as_often_as_in_the_document(
    study: tuple[Document, StudyFacts], files: dict[str, Path], converted: dict[str, Path]
) -> None:
    expected = Counter(n for text in document_texts(study[0]) for n in NUMBER.findall(text))
    assert sum(expected.values()) > 300
    for path in (files["study.pdf"], converted["study.pdf"]):
        found = Counter(NUMBER.findall(read(path).replace(ZERO_WIDTH_SPACE, "")))
        assert {n: (k, found[n]) for n, k in expected.items() if found[n] < k} == {}


def test_simulated_and_page_numbers_stand_on_every_page(files: dict[str, Path], converted: dict[str, Path]) -> None:
    for path in (files["study.pdf"], files["hard.pdf"], converted["study.pdf"], converted["hard.pdf"]):
        pages = read(path).split("\f")[:-1]
        assert len(pages) > 5
        assert [i for i, page in enumerate(pages, 1) if "SIMULATED DATA" not in page] == []
        assert [i for i, page in enumerate(pages, 1) if f"Page {i} of {len(pages)}" not in " ".join(page.split())] == []


def test_header_rows_are_repeated_on_later_pages(files: dict[str, Path], converted: dict[str, Path]) -> None:
    for path in (files["hard.pdf"], converted["hard.pdf"]):
        pages = [page for page in read(path).split("\f") if re.search(r"Row \d+", page)]
        assert len(pages) > 1
        assert all("Hazard ratio (95% CI)" in " ".join(page.split()) for page in pages)


def test_hostile_labels_are_read_back_as_text(files: dict[str, Path], converted: dict[str, Path]) -> None:
    for path in (files["hard.pdf"], converted["hard.pdf"]):
        said = letters(read(path))
        for part in (
            "<script>alert(1)</script>",
            "=cmd|'/CcalciA0".replace("i", "'!"),
            "{{7*7}}",
            "#panic()$x$*b*_i_`c`@ref<lab>",
            "\U0001f9ea",
        ):
            assert said.count(part) >= 8, part
        assert REPLACEMENT in said and "W" * 40 in said
        assert "\u4e2d\u6587" in said


def test_nothing_runs_over_the_edge_of_the_paper(files: dict[str, Path], converted: dict[str, Path]) -> None:
    for path in (files["study.pdf"], files["hard.pdf"], converted["study.pdf"], converted["hard.pdf"]):
        boxes = subprocess.run(["pdftotext", "-bbox", str(path), "-"], check=True, capture_output=True, text=True, errors="replace").stdout
        width = 0.0
        for line in boxes.splitlines():
            page = re.search(r'<page width="([\d.]+)"', line)
            width = float(page[1]) if page else width
            word = re.search(r'xMin="([-\d.]+)".*xMax="([-\d.]+)"', line)
            assert word is None or (float(word[1]) > 50 and float(word[2]) < width - 50), line


def test_every_font_is_inside(files: dict[str, Path]) -> None:
    listed = subprocess.run(["pdffonts", str(files["study.pdf"])], check=True, capture_output=True, text=True).stdout.splitlines()[2:]
    assert len(listed) >= 3
    assert all(re.search(r"\s(yes)\s+(yes|no)\s+(yes)\s+\d+\s+\d+$", line) for line in listed), listed


def test_the_bytes_do_not_depend_on_clock_folder_or_hash_seed(tmp_path: Path) -> None:
    code = (
        "import hashlib, sys; from unit.report.examples import *; from cobalamin.report.document import compose; "
        "from cobalamin.report.pdf import render_pdf; from cobalamin.report.word import render_word; "
        "d = compose(onset_estimates(), onset_facts()); "
        "sys.stdout.write(' '.join(hashlib.sha256(f(d, onset_facts())).hexdigest() for f in (render_pdf, render_word)))"
    )
    tests = str(Path(__file__).resolve().parents[1])
    said = set()
    for seed, zone in (("1", "UTC"), ("7", "Pacific/Auckland")):
        here = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "PYTHONPATH": tests}
        done = subprocess.run([sys.executable, "-c", code], env=here, cwd=tmp_path, capture_output=True, text=True, check=True)
        said.add(done.stdout)
    assert len(said) == 1 and len(said.pop().split()) == 2
