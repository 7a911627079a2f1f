"""The codebook page is whole, escaped and quiet; REDCap files come back as they went."""

from __future__ import annotations

import csv
import io
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobalamin.core.errors import DictionaryError
from cobalamin.core.estimates import COLUMNS as ESTIMATES_COLUMNS
from cobalamin.dictionary.assemble import make_table
from cobalamin.dictionary.check import check
from cobalamin.dictionary.codebook import from_redcap, render, to_redcap
from cobalamin.dictionary.describe import to_descriptor
from cobalamin.dictionary.descriptor import parse_descriptor
from cobalamin.dictionary.dictionary import Dictionary, load_dictionary
from cobalamin.dictionary.redcap import COLUMNS, plain_cell, safe_cell

SHIPPED = Path(__file__).resolve().parents[3] / "data_dictionary"
FOLDERS = sorted(p.name for p in SHIPPED.iterdir() if p.is_dir() and p.name != "codelists")


def small(**field: object) -> Dictionary:
    descriptor = parse_descriptor({"name": "t", "fields": [{"name": "x", "type": "number", **field}]}, where="test")
    return Dictionary({"t": make_table(descriptor, name="t", where="test")})


class _Page(HTMLParser):
    """Collects tags and addresses, and whether every element is closed."""

    VOID = frozenset({"meta", "br", "link", "img", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("href", "src"):
                self.links.append(str(value))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


class TestPage:
    @pytest.mark.parametrize("name", FOLDERS)
    def test_shipped_dictionaries_are_well_formed_and_alone(self, name: str) -> None:
        dictionary = load_dictionary(SHIPPED / name)
        text = render(dictionary)
        page = _Page(text)
        assert page.open == [] and len(page.ids) == len(set(page.ids))
        assert "script" not in page.tags and all(link.startswith("#") and link[1:] in page.ids for link in page.links)
        assert text == render(load_dictionary(SHIPPED / name))
        for table in dictionary.tables.values():
            assert all(f">{v}</th>" in text for v in table.variables)

    def test_every_text_is_escaped(self) -> None:
        evil = "<script>alert(1)</script>`<img src=x>`"
        text = render(small(title=evil, description=evil, source=evil, unit="g", role="exposure"))
        assert "<script>alert" not in text and "<img" not in text and "<code>&lt;img src=x&gt;</code>" in text

    def test_small_counts_are_not_shown(self) -> None:
        text = render(small(title="A"), counts={"t": {"x": 7}})
        assert ">&lt;10<" in text and ">7<" not in text
        assert ">12,345<" in render(small(title="A"), counts={"t": {"x": 12345}})
        assert "Rows with a value" not in render(small(title="A"))

    def test_reasons_ranges_and_references_are_on_it(self) -> None:
        text = render(load_dictionary(SHIPPED / "ls_cohort"))
        for words in ("sample haemolysed", "10 to 90", "reference", "Serum vitamin B12", "accepted pmol/L, pg/mL, ng/L", "verified"):
            assert words in text


class TestRedcap:
    @pytest.mark.parametrize("name", FOLDERS)
    def test_shipped_dictionaries_come_back_whole(self, name: str) -> None:
        there = load_dictionary(SHIPPED / name)
        back = from_redcap(to_redcap(there))
        assert {n: to_descriptor(t) for n, t in back.tables.items()} == {n: to_descriptor(t) for n, t in there.tables.items()}
        assert Dictionary(back.tables, there.codelists).fingerprint == there.fingerprint

    def test_it_is_the_file_redcap_reads(self) -> None:
        rows = list(csv.DictReader(io.StringIO(to_redcap(load_dictionary(SHIPPED / "ls_cohort")))))
        assert tuple(rows[0]) == COLUMNS
        names = [r["Variable / Field Name"] for r in rows]
        assert len(names) == len(set(names)) and all(n[0].isalpha() and n == n.lower() for n in names)
        smoking = next(r for r in rows if r["Variable / Field Name"] == "smoking")
        assert smoking["Choices, Calculations, OR Slider Labels"] == "never, never | former, former | current, current"
        assert {r["Field Type"] for r in rows} <= {"text", "radio", "truefalse"}

    def test_an_edit_made_in_redcap_is_read(self) -> None:
        text = to_redcap(small(title="Old", constraints={"maximum": 5})).replace("Old", "New").replace(",5,", ",6,")
        variable = from_redcap(text).variable("t", "x")
        assert variable.title == "New" and variable.range.upper == 6

    def test_a_dictionary_made_in_redcap(self) -> None:
        rows = [
            {"name": "record_id", "kind": "text", "label": "Record"},
            {"name": "visit", "kind": "text", "label": "Visit", "validation": "date_dmy", "low": "2001-01-01", "high": "today"},
            {"name": "age", "kind": "text", "label": "Age", "validation": "integer", "low": "0", "high": "120", "required": "y"},
            {"name": "sex", "kind": "radio", "label": "Sex", "choices": "1, male, or boy | 2, female"},
            {"name": "pregnant", "kind": "yesno", "label": "Pregnant", "logic": "[sex]=2"},
            {"name": "drugs", "kind": "checkbox", "label": "Drugs", "choices": "1, metformin | 2, PPI"},
            {"name": "mail", "kind": "text", "label": "Mail", "validation": "email"},
            {"name": "hello", "kind": "descriptive", "label": "Welcome"},
        ]
        places = {"name": 0, "kind": 3, "label": 4, "choices": 5, "validation": 7, "low": 8, "high": 9, "logic": 11, "required": 12}
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, fieldnames=COLUMNS, restval="")
        writer.writeheader()
        for row in rows:
            writer.writerow({COLUMNS[1]: "baseline", **{COLUMNS[places[k]]: v for k, v in row.items()}})
        table = from_redcap(buffer.getvalue()).table("baseline")
        kinds = {name: v.type for name, v in table.variables.items()}
        assert kinds == {
            "record_id": "string",
            "visit": "date",
            "age": "integer",
            "sex": "integer",
            "pregnant": "integer",
            "drugs___1": "integer",
            "drugs___2": "integer",
            "mail": "string",
        }
        assert table.variable("sex").labels == ("male, or boy", "female") and table.variable("age").required
        assert (table.variable("visit").earliest, table.variable("visit").latest) == ("2001-01-01", "")
        assert table.variable("mail").disclosure == "identifier" and "Asked if [sex]=2" in table.variable("pregnant").description

    @pytest.mark.parametrize("text", ["a,b\n1,2\n", "", "\x00"])
    def test_other_files_are_refused(self, text: str) -> None:
        with pytest.raises(DictionaryError, match="not a REDCap data dictionary"):
            from_redcap(text)

    def test_a_broken_annotation_is_refused(self) -> None:
        with pytest.raises(DictionaryError, match="line 2: the field annotation"):
            from_redcap(to_redcap(small(title="A")).replace("cobalamin: {", "cobalamin: "))

    @given(st.text(max_size=12))
    def test_no_cell_starts_a_formula_and_all_come_back(self, text: str) -> None:
        assert not safe_cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))
        assert plain_cell(safe_cell(text)) == text

    @settings(max_examples=40, deadline=None)
    @given(
        st.text("=+-@|,\"'\n ab<", max_size=10), st.lists(st.text("=|,'ab", min_size=1, max_size=4), min_size=1, max_size=3, unique=True)
    )
    def test_any_label_comes_back(self, title: str, labels: list[str]) -> None:
        dictionary = small(type="integer", title=title.strip(), categories=[{"value": k, "label": label} for k, label in enumerate(labels)])
        back = from_redcap(to_redcap(dictionary)).variable("t", "x")
        assert back == dictionary.variable("t", "x")


class TestShippedDictionaries:
    def test_the_results_table_is_described_column_by_column(self) -> None:
        assert tuple(load_dictionary(SHIPPED / "estimates.yaml").table("estimates").variables) == ESTIMATES_COLUMNS

    @pytest.mark.parametrize("name", FOLDERS)
    def test_every_column_has_a_title_and_a_meaning(self, name: str) -> None:
        for table in load_dictionary(SHIPPED / name).tables.values():
            assert table.title and table.description
            assert [v.name for v in table.variables.values() if not (v.title and v.description)] == []

    def test_the_cohort_has_one_person_key_per_table_and_orders_its_dates(self) -> None:
        dictionary = load_dictionary(SHIPPED / "ls_cohort")
        assert sorted(dictionary.tables) == ["diagnoses", "lab_results", "persons", "prescriptions", "severity_visits"]
        assert all([v.name for v in t.with_role("person_id")] == ["person_id"] for t in dictionary.tables.values())
        assert all(t.foreign_keys[0].table == "persons" for n, t in dictionary.tables.items() if n != "persons")

    def test_raw_nhanes_agrees_with_its_dictionary(self, shared_data: Path) -> None:
        import pandas as pd

        frame = pd.read_parquet(shared_data / "nhanes" / "nhanes_b12_raw_codes_all_ages.parquet")
        report = check({"nhanes": frame.head(5000)}, load_dictionary(SHIPPED / "nhanes"))
        assert report.ok, report.to_text()
        assert {"refused", "don't know"} <= set(report.missing["reason"])
