"""The page: well-formed, complete in itself, escaped, and usable without a mouse or a screen."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from unit.report.examples import nhanes_estimates, nhanes_facts, onset_estimates, onset_facts

from cobalamin.core.estimates import Estimates
from cobalamin.report.blocks import Document
from cobalamin.report.document import compose
from cobalamin.report.facts import Limitation, ModelFacts
from cobalamin.report.html import render

VOID = {"meta", "link", "br", "img", "hr", "input"}
HOSTILE = "<script>alert(1)</script> \"' =cmd|'/C calc'!A0 \u05e9\u05dc\u05d5\u05dd \u202eevil \U0001f9ea {{7*7}} " + "W" * 300


class Outline(HTMLParser):
    """Tags in order, with a check that every one is closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def named(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture(scope="module")
def document() -> Document:
    return compose(onset_estimates(), onset_facts())


@pytest.fixture(scope="module")
def page(document: Document) -> str:
    return render(document)


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    return Outline(page)


def test_is_well_formed(outline: Outline) -> None:
    assert outline.open == []
    assert outline.named("html") == [{"lang": "en"}]


def test_loads_nothing(page: str, outline: Outline) -> None:
    for tag, attributes in outline.tags:
        assert tag not in {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
        assert not [name for name in attributes if name.startswith("on")]
    assert "@import" not in page
    assert "http" not in re.sub(r"http-equiv|xmlns(:xlink)?=\"http://www\.w3\.org/[^\"]*\"", "", page)


def test_policy_allows_exactly_the_inline_style(page: str, outline: Outline) -> None:
    found = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert found is not None
    policy = next(m["content"] for m in outline.named("meta") if m.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
    assert policy is not None
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert page.count("<style") == 1
    assert not [a for _, a in outline.tags if "style" in a]


def test_headings_links_and_ids(outline: Outline) -> None:
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    ids = Counter(a["id"] for _, a in outline.tags if a.get("id"))
    assert [i for i, n in ids.items() if n > 1] == []
    targets = {(a["href"] or "")[1:] for a in outline.named("a", "use") if a.get("href")}
    assert targets <= set(ids)
    labels = {i for _, a in outline.tags for i in (a.get("aria-labelledby") or "").split()}
    assert labels <= set(ids)


def test_tables_and_drawings_are_accessible(outline: Outline, document: Document) -> None:
    assert all(h.get("scope") in {"col", "row", "rowgroup"} for h in outline.named("th"))
    drawings = outline.named("svg")
    assert len(drawings) == sum(e.kind == "figure" for e in document.exhibits)
    assert all(d["role"] == "img" and d["aria-labelledby"] for d in drawings)
    scrolled = [a for a in outline.named("div") if a.get("class") == "scroll"]
    assert len(scrolled) == sum(e.kind == "table" for e in document.exhibits)
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in scrolled)
    assert next(a for tag, a in outline.tags if tag == "a")["class"] == "skip"


def test_contents_list_every_section_and_exhibit(outline: Outline, document: Document) -> None:
    targets = [(a["href"] or "")[1:] for a in outline.named("a")]
    assert targets == ["main", *(s.key for s in document.sections), *(e.key for e in document.exhibits)]


def test_results_point_at_their_rows(outline: Outline) -> None:
    cites = [a["data-cites"] for a in outline.named("span") if a.get("class") == "result"]
    assert "primary | adjusted | ls | log2(b12_pmol_l)" in cites


def test_hostile_texts_stay_text_everywhere() -> None:
    estimates = nhanes_estimates().frame
    for column, old in (("level", "yes"), ("term", "male"), ("subgroup", "Below 221 pmol/L")):
        estimates.loc[estimates[column].eq(old), column] = HOSTILE
    estimates.loc[estimates["model"].eq("never"), "warning"] = HOSTILE
    facts = nhanes_facts(
        title=HOSTILE,
        question=HOSTILE,
        group=HOSTILE,
        outcome=HOSTILE,
        event=HOSTILE,
        time_scale=HOSTILE,
        design=(HOSTILE,),
        disclosure=HOSTILE,
        notices=(HOSTILE,),
        limitations=(Limitation("x", HOSTILE),),
        labels={"death": HOSTILE, "metformin": HOSTILE},
        models=(
            ModelFacts("weighted", HOSTILE, "primary", "cox", HOSTILE, (HOSTILE,), (), "death", note=HOSTILE),
            *nhanes_facts().models[1:],
        ),
        provenance={HOSTILE: HOSTILE, "Versions": {HOSTILE: HOSTILE}},
    )
    page = render(compose(Estimates.from_frame(estimates), facts))
    outline = Outline(page)
    assert outline.open == []
    assert outline.named("script") == []
    text = "".join(outline.text)
    assert text.count("<script>alert(1)</script>") > 25
    assert "49" not in re.findall(r"evil \U0001f9ea (\S+)", text)
    assert "\u202e" not in page
    assert "\u05e9\u05dc\u05d5\u05dd" in text


def test_same_results_same_bytes_in_another_process(page: str) -> None:
    code = (
        "import hashlib; from unit.report.examples import onset_estimates as e, onset_facts as f;"
        "from cobalamin.report.document import compose; from cobalamin.report.html import render;"
        "import sys; sys.stdout.write(hashlib.sha256(render(compose(e(), f())).encode()).hexdigest())"
    )
    tests = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": tests, "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == hashlib.sha256(page.encode()).hexdigest()


def test_page_is_small(page: str) -> None:
    assert len(page.encode()) < 500_000
