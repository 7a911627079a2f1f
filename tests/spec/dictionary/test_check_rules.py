"""What a check says about small tables, drawn as text and worked by hand.

Left of the arrow is the table as stored, right of it the rule that each row breaks (nothing: the row is valid).
A dot is an empty cell.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from cobalamin.core.errors import DictionaryError, IdentifierError
from cobalamin.dictionary.assemble import make_table
from cobalamin.dictionary.check import check
from cobalamin.dictionary.descriptor import parse_descriptor
from cobalamin.dictionary.dictionary import Dictionary
from cobalamin.dictionary.failure_report import FailureReport


def dictionary_of(*descriptors: dict[str, Any]) -> Dictionary:
    return Dictionary({d["name"]: make_table(parse_descriptor(d, where="test"), name=d["name"], where="test") for d in descriptors})


def one_column(**field: Any) -> Dictionary:
    return dictionary_of({"name": "t", "fields": [{"name": "x", **field}]})


def drawn(text: str) -> tuple[pd.DataFrame, list[set[str]]]:
    head, *lines = [line for line in text.strip("\n").splitlines() if line.strip()]
    names = head.split("→")[0].split()
    cells, rules = [], []
    for line in lines:
        left, _, right = line.partition("→")
        cells.append([None if c == "." else c.replace("_", " ") if c.startswith("_") else c for c in left.split()])
        rules.append({r.strip() for r in right.split(",") if r.strip()})
    return pd.DataFrame(cells, columns=names, dtype=object), rules


def rules_by_row(report: FailureReport, n: int) -> list[set[str]]:
    found: list[set[str]] = [set() for _ in range(n)]
    for row in report.failures.to_dict("records"):
        for key in row["rows"]:
            found[int(key.removeprefix("row ")) - 1].add(row["rule"])
    return found


def check_drawing(text: str, dictionary: Dictionary) -> FailureReport:
    frame, expected = drawn(text)
    report = check({"t": frame}, dictionary)
    assert rules_by_row(report, len(frame)) == expected
    assert report.n_rows["t"] == len(frame)
    assert report.n_valid["t"] == len(report.valid["t"]) == sum(not broken for broken in expected)
    assert report.ok == (not any(expected))
    return report


class TestNumbers:
    def test_text_that_is_no_number_is_a_counted_failure(self) -> None:
        report = check_drawing(
            """
            x       →
            12.5    →
            12,5    → type
            -3e2    →
            .5      →
            abc     → type
            1_000   → type
            inf     → type
            nan     → type
            0x10    → type
            .       →
            """,
            one_column(type="number"),
        )
        assert report.failures["got"].tolist() == ["text that is not a number (1 with a decimal comma)"]
        assert report.valid["t"]["x"].tolist()[:3] == [12.5, -300.0, 0.5]

    def test_a_whole_number_has_no_fraction(self) -> None:
        report = check_drawing("x →\n4 →\n4.0 →\n4.5 → type\n. →", one_column(type="integer"))
        assert "1 with a fraction" in report.failures["got"].item()

    def test_ends_of_a_range_belong_to_it(self) -> None:
        report = check_drawing(
            "x →\n10 →\n90 →\n9.9 → range\n90.1 → range\n100 → range\n. →",
            one_column(type="number", unit="kg/m2", constraints={"minimum": 10, "maximum": 90}),
        )
        assert report.failures["got"].item() == "1 below, 2 above"
        assert report.failures["expected"].item() == "10 to 90 kg/m2"

    def test_the_usual_codes_beyond_the_range_are_called_suspected_sentinels(self) -> None:
        check_drawing(
            "x →\n250 →\n99999 → suspected sentinel\n-9 → suspected sentinel\n9999 → suspected sentinel\n2500 → range",
            one_column(type="number", constraints={"minimum": 1, "maximum": 2000}),
        )

    def test_a_declared_code_is_missing_with_its_reason_and_no_failure(self) -> None:
        dictionary = one_column(
            type="number",
            constraints={"minimum": 0, "maximum": 50},
            missingValues=[{"value": 77, "label": "refused"}, {"value": "99", "label": "don't know"}, {"value": ".d", "label": "lost"}],
        )
        report = check_drawing("x →\n7 →\n77 →\n99.0 →\n99 →\n.d →\n. →\n88 → suspected sentinel", dictionary)
        missing = dict(zip(report.missing["reason"], report.missing["n_rows"], strict=True))
        assert missing == {"refused": 1, "don't know": 2, "lost": 1, "empty cell": 1}
        assert report.valid["t"]["x"].isna().sum() == 5

    def test_a_required_cell_may_not_be_a_missing_code_either(self) -> None:
        dictionary = one_column(type="integer", constraints={"required": True}, missingValues=[{"value": 9, "label": "refused"}])
        check_drawing("x →\n1 →\n9 → required\n. → required", dictionary)

    def test_99999_far_from_all_values_is_found_without_a_declared_range(self) -> None:
        values = [*range(150, 190), 99999]
        report = check({"t": pd.DataFrame({"x": values})}, one_column(type="number", unit="pmol/L"))
        assert report.failures[["rule", "n_rows", "rows"]].values.tolist() == [["suspected sentinel", 1, ("row 41",)]]
        assert report.valid["t"]["x"].max() == 189

    def test_a_lone_99_inside_the_range_is_a_note_and_stays(self) -> None:
        values = [*range(20, 60), 99]
        report = check({"t": pd.DataFrame({"x": values})}, one_column(type="integer", constraints={"minimum": 0, "maximum": 120}))
        assert report.ok and report.n_valid["t"] == 41
        assert report.notes["kind"].tolist() == ["possible sentinel"]


class TestCodes:
    SMOKING = one_column(
        type="integer",
        categories=[{"value": 1, "label": "never"}, {"value": 2, "label": "former"}, {"value": 3, "label": "current"}],
        reference="former",
        missingValues=[{"value": 7, "label": "refused"}],
    )

    def test_unknown_codes_are_failures_and_labels_come_reference_first(self) -> None:
        report = check_drawing("x →\n1 →\n2.0 →\n3 →\n9 → category\n4 → category\n7 →\n1.5 → type\nx → type", self.SMOKING)
        # 1.5 is not a whole number: one fault, not two
        values = report.valid["t"]["x"]
        assert list(values.cat.categories) == ["former", "never", "current"]
        assert [None if pd.isna(v) else v for v in values] == ["never", "former", "current", None]
        assert "1 like a missing code" in report.failures.set_index("rule").loc["category", "got"]

    def test_text_codes_are_compared_as_written(self) -> None:
        dictionary = one_column(type="string", categories=[{"value": "f", "label": "female"}, {"value": "m", "label": "male"}])
        report = check_drawing("x →\nf →\nF → category\nfemale → category\nz → category", dictionary)
        got = report.failures["got"].item()
        assert "1 that would be known in other capitals" in got and "1 that are labels, not codes" in got
        assert "z" not in got.split()  # an unknown text is not repeated

    def test_codes_stored_as_numbers_with_gaps_are_the_same_codes(self) -> None:
        dictionary = one_column(type="string", categories=[{"value": "1", "label": "a"}, {"value": "2", "label": "b"}])
        report = check({"t": pd.DataFrame({"x": [1.0, None, 2.0]})}, dictionary)
        assert report.ok and report.valid["t"]["x"].astype(object).fillna("-").tolist() == ["a", "-", "b"]

    def test_pattern_matches_the_whole_text(self) -> None:
        check_drawing(
            "x →\nL90.0 →\nxL90.0 → pattern\nL90.0x → pattern", one_column(type="string", constraints={"pattern": r"[A-Z]\d\d\.\d"})
        )


class TestDates:
    def test_only_calendar_days_pass(self) -> None:
        report = check_drawing(
            """
            x            →
            2001-02-28   →
            2001-02-29   → type
            2001-13-01   → type
            28.02.2001   → type
            20010228     → type
            2001-02-28T10:30 →
            0001-01-01   → type
            .            →
            """,
            one_column(type="date"),
        )
        assert report.valid["t"]["x"].dtype == "datetime64[ns]"
        assert "2 of the right form but no such day" in report.failures["got"].item()

    def test_a_declared_form_is_read(self) -> None:
        report = check_drawing("x →\n20010228 →\n20010229 → type", one_column(type="date", format="%Y%m%d"))
        assert report.valid["t"]["x"].iloc[0] == pd.Timestamp("2001-02-28")

    def test_days_beyond_the_range_and_days_used_for_missing(self) -> None:
        check_drawing(
            "x →\n1990-01-01 →\n1900-01-01 → suspected sentinel\n1949-12-31 → range",
            one_column(type="date", constraints={"minimum": "1950-01-01"}),
        )

    def test_dates_out_of_order(self) -> None:
        fields = [{"name": "entry", "type": "date"}, {"name": "exit", "type": "date"}]
        report = check_drawing(
            "entry exit →\n2001-01-01 2001-01-01 →\n2001-01-02 2001-01-01 → date order\n2001-01-02 . →",
            dictionary_of({"name": "t", "fields": fields, "dateOrder": [["entry", "exit"]]}),
        )
        assert report.failures["column"].item() == "entry, exit"


PERSONS = {"name": "persons", "primaryKey": ["id"], "fields": [{"name": "id", "type": "string", "role": "person_id"}]}
LABS = {
    "name": "labs",
    "fields": [{"name": "id", "type": "string"}],
    "foreignKeys": [{"fields": ["id"], "reference": {"resource": "persons", "fields": ["id"]}}],
}


class TestKeys:
    def test_all_copies_of_a_duplicated_person_fail(self) -> None:
        report = check({"persons": pd.DataFrame({"id": ["a", "b", "a", "c", None]})}, dictionary_of(PERSONS))
        by_rule = report.failures.set_index("rule")
        assert by_rule.loc["primary key", "rows"] == ("a", "a") and by_rule.loc["primary key", "n_rows"] == 2
        assert by_rule.loc["required", "rows"] == ("missing",)
        assert report.valid["persons"]["id"].tolist() == ["b", "c"]

    def test_orphans_are_found_against_the_table_as_stored(self) -> None:
        # "a" is twice in persons and so not valid there, but its results are not orphans
        frames = {"persons": pd.DataFrame({"id": ["a", "a", "b"]}), "labs": pd.DataFrame({"id": ["a", "z", "b", None]})}
        report = check(frames, dictionary_of(LABS, PERSONS))
        orphans = report.failures[report.failures["rule"] == "foreign key"]
        assert orphans["rows"].item() == ("row 2",) and orphans["got"].item() == "not in persons"

    def test_keys_are_checked_when_only_one_table_is_asked_for(self) -> None:
        frames = {"persons": pd.DataFrame({"id": ["a"]}), "labs": pd.DataFrame({"id": ["a", "z"]})}
        report = check(frames, dictionary_of(LABS, PERSONS), tables=["labs"])
        assert report.failures["rule"].tolist() == ["foreign key"] and list(report.valid) == ["labs"]

    def test_an_absent_other_table_is_said(self) -> None:
        report = check({"labs": pd.DataFrame({"id": ["a"]})}, dictionary_of(LABS, PERSONS), tables=["labs"])
        assert report.ok and report.notes["kind"].tolist() == ["not checked"]

    def test_keys_of_several_columns(self) -> None:
        fields = [{"name": "a", "type": "string"}, {"name": "b", "type": "integer"}]
        check_drawing(
            "a b →\np 1 → unique\np 2 →\np 1.0 → unique\nq 1 →", dictionary_of({"name": "t", "fields": fields, "uniqueKeys": [["a", "b"]]})
        )


class TestTables:
    def test_absent_tables_and_columns_are_failures_of_the_same_report(self) -> None:
        dictionary = dictionary_of(
            {"name": "persons", "fields": [{"name": "sex", "type": "string"}, {"name": "age", "type": "integer"}]},
            {"name": "labs", "fields": [{"name": "x", "type": "number"}]},
        )
        report = check({"persons": pd.DataFrame({"age": ["x"], "sexx": ["m"]}), "lab": pd.DataFrame({"x": [1.0]})}, dictionary)
        found = report.failures[["rule", "table", "column"]].values.tolist()
        assert found == [["missing column", "persons", "sex"], ["missing table", "labs", ""], ["type", "persons", "age"]]
        assert "Did you mean 'sexx'?" in report.failures["got"].iloc[0] and "Did you mean 'lab'?" in report.failures["got"].iloc[1]
        assert sorted(report.notes["kind"]) == ["undeclared column", "undeclared table"]

    def test_an_empty_table_is_one_clear_failure(self) -> None:
        report = check({"t": pd.DataFrame({"x": []})}, one_column(type="number", constraints={"required": True}))
        assert report.failures[["rule", "table", "got"]].values.tolist() == [["empty table", "t", "no rows"]]
        assert report.valid["t"].shape == (0, 1) and "empty table: t: got no rows" in report.to_text()

    def test_a_column_without_any_value_is_noted(self) -> None:
        report = check({"t": pd.DataFrame({"x": [None, None]})}, one_column(type="number"))
        assert report.ok and report.notes["kind"].tolist() == ["all missing"]

    def test_a_table_that_nobody_declared_cannot_be_asked_for(self) -> None:
        with pytest.raises(DictionaryError, match="no table 'perons'"):
            check({"t": pd.DataFrame({"x": [1]})}, one_column(type="number"), tables=["perons"])

    def test_a_declared_identifier_stops_everything(self) -> None:
        with pytest.raises(IdentifierError, match="dictionary calls x an identifier"):
            check({"t": pd.DataFrame({"x": ["a"]})}, one_column(type="string", disclosure="identifier"))

    def test_an_email_stops_everything_and_is_not_shown(self) -> None:
        with pytest.raises(IdentifierError) as caught:
            check({"t": pd.DataFrame({"x": ["someone@example.org"]})}, one_column(type="string"))
        assert "someone" not in str(caught.value) and "e-mail address, 1 of 1 rows" in str(caught.value)


class TestReportText:
    def test_it_says_rule_place_count_got_and_expected(self) -> None:
        report = check({"t": pd.DataFrame({"x": ["5", "12,5"]})}, one_column(type="number", constraints={"maximum": 4}))
        assert report.to_text().splitlines() == [
            "Check of 1 table: 2 failures in t; 0 of 2 rows valid.",
            "  t: 0 of 2 rows valid",
            "",
            "Failures",
            "  type: t.x: 1 row got text that is not a number (1 with a decimal comma); expected a number. [row 2]",
            "  range: t.x: 1 row got 1 above; expected at most 4. [row 1]",
        ]
        assert repr(report) == "Check of 1 table: 2 failures in t; 0 of 2 rows valid."

    def test_html_is_escaped(self) -> None:
        dictionary = dictionary_of({"name": "t", "fields": [{"name": "<b>", "type": "number"}]})
        report = check({"t": pd.DataFrame({"<b>": ["x"]})}, dictionary)
        assert "&lt;b&gt;" in report._repr_html_() and "<b>" not in report._repr_html_()
