"""The page in a real Chromium: nothing overflows, nothing is blocked, nothing is fetched, and it prints."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.report.examples import nhanes_estimates, nhanes_facts, onset_estimates, onset_facts

from cobalamin.report.document import compose
from cobalamin.report.html import render

pytestmark = pytest.mark.browser
WIDTHS = (360, 400, 768, 1280, 1600)
SMALLEST_LETTER = 7.0  # CSS pixels: the smallest print of a figure on a telephone


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as p:
        opened = p.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-quic"])
        yield opened
        opened.close()


@pytest.fixture(scope="module", params=["onset", "nhanes"])
def page_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = (onset_estimates(), onset_facts()) if request.param == "onset" else (nhanes_estimates(), nhanes_facts())
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render(compose(*made)), encoding="utf-8")
    return path


def test_nothing_overflows_is_blocked_or_fetched(browser: Any, page_file: Path) -> None:
    for width in WIDTHS:
        page = browser.new_page(viewport={"width": width, "height": 900})
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.on("pageerror", lambda error, said=said: said.append(str(error)))
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(page_file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert said == []
        assert asked == [page_file.as_uri()]
        page.close()


def test_letters_of_the_flow_chart_are_legible_on_a_telephone(browser: Any, page_file: Path) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 900})
    page.goto(page_file.as_uri())
    heights = page.evaluate("[...document.querySelectorAll('svg g:not([aria-hidden]) > text')].map(t => t.getBoundingClientRect().height)")
    assert all(h >= SMALLEST_LETTER for h in heights)
    widths = page.evaluate("[...document.querySelectorAll('.drawing svg')].map(s => s.getBoundingClientRect().width)")
    assert min(widths) >= 320
    page.close()


def test_flow_chart_text_stays_in_its_boxes(browser: Any, page_file: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(page_file.as_uri())
    outside = page.evaluate(
        """() => [...document.querySelectorAll('#flow svg rect')].filter(r => {
            const box = r.getBoundingClientRect();
            const group = r.nextElementSibling;
            return [...group.querySelectorAll('text')].some(t => {
                const b = t.getBoundingClientRect();
                return b.left < box.left || b.right > box.right || b.top < box.top || b.bottom > box.bottom;
            });
        }).length"""
    )
    assert outside == 0
    page.close()


def test_keyboard_reaches_the_report_and_the_tables(browser: Any, page_file: Path) -> None:
    page = browser.new_page(viewport={"width": 400, "height": 900})
    page.goto(page_file.as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('figure') !== null")
    page.close()


def test_dark_mode_keeps_drawings_on_white(browser: Any, page_file: Path) -> None:
    page = browser.new_page(color_scheme="dark")
    page.goto(page_file.as_uri())
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
    assert page.evaluate("getComputedStyle(document.querySelector('.drawing')).backgroundColor") == "rgb(255, 255, 255)"
    page.close()


def test_prints_to_a_document(browser: Any, page_file: Path) -> None:
    page = browser.new_page()
    page.goto(page_file.as_uri())
    printed = page.pdf(prefer_css_page_size=True)
    assert printed.startswith(b"%PDF")
    assert 3 <= printed.count(b"/Type /Page\n") <= 16
    page.close()
