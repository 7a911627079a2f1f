"""Reporting checklists: what is in a report is found where it is, what is not there is never called reported."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import pytest
from support.studies import copy_study
from unit.report.examples import B12, nhanes_estimates, nhanes_facts, onset_estimates, onset_facts

from cobalamin.core.errors import DataError
from cobalamin.core.estimates import Estimates
from cobalamin.report.blocks import Document, Note, Show
from cobalamin.report.checklist import CHECKLISTS, exhibit_checklist, fill_checklist, find_checklist, with_checklists
from cobalamin.report.checklist_finders import is_class, is_crude
from cobalamin.report.checklist_items import Checklist, Filled, Item
from cobalamin.report.checklist_rules import authors
from cobalamin.report.checklist_seen import Place
from cobalamin.report.document import compose
from cobalamin.report.facts import ModelFacts, StudyFacts
from cobalamin.report.html import render
from cobalamin.study.study import load_study

ORDER = {"to do": 0, "not applicable": 0, "partly": 1, "reported": 2}
PARTS = {1: "ab", 6: "ab", 12: "abcde", 13: "abc", 14: "abc", 16: "abc"}
STROBE_NUMBERS = [f"{n}{part}" for n in range(1, 23) for part in PARTS.get(n, [""])]
RULES = (("Adults", "age >= 18"), ("LS", "diagnoses.date with a code of the list 'lichen_sclerosus'"))
COMPLETE = "Each model used the people with complete data on its own columns."


@pytest.fixture(scope="module")
def onset() -> Document:
    return compose(onset_estimates(), onset_facts())


def statuses(document: Document, facts: StudyFacts | None = None, name: str = "strobe-cohort") -> dict[str, str]:
    return {n: f.status for n, f in fill_checklist(document, facts or onset_facts(), find_checklist(name)).items()}


def without(document: Document, *starts: str) -> Document:
    """The same report with some exhibits cut out, the others keeping their numbers."""
    sections = [
        dataclasses.replace(s, blocks=tuple(b for b in s.blocks if not (isinstance(b, Show) and b.exhibit.key.startswith(starts))))
        for s in document.sections
    ]
    return dataclasses.replace(document, sections=tuple(sections))


def without_sections(document: Document, *keys: str) -> Document:
    return dataclasses.replace(document, sections=tuple(s for s in document.sections if s.key not in keys))


def quick(estimates: Estimates, facts: StudyFacts) -> Document:
    """The same report without the figures that take longest to draw."""
    frame = estimates.frame
    with patch("cobalamin.report.document.exhibits_forest", return_value=[]):
        return compose(Estimates.from_frame(frame.loc[~frame["analysis"].isin(["survival", "distribution"])]), facts)


def changed(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Document:
    return quick(Estimates.from_frame(change(onset_estimates().frame.copy())), onset_facts())


class TestItems:
    def test_strobe_has_its_22_items(self) -> None:
        cohort, cases = ([i.number for i in CHECKLISTS[n].items] for n in ("strobe-cohort", "strobe-case-control"))
        assert cohort == STROBE_NUMBERS
        assert cases == [n for n in STROBE_NUMBERS if n != "14c"]

    def test_record_has_its_13_items(self) -> None:
        numbers = ["1.1", "1.2", "1.3", "6.1", "6.2", "6.3", "7.1", "12.1", "12.2", "12.3", "13.1", "19.1", "22.1"]
        assert [i.number for i in CHECKLISTS["record"].items] == numbers

    @pytest.mark.parametrize(("name", "items", "parts"), [("strobe-mr", 20, 44), ("target", 21, 39)])
    def test_the_others_have_theirs(self, name: str, items: int, parts: int) -> None:
        numbers = [i.number for i in CHECKLISTS[name].items]
        assert list(dict.fromkeys(int(re.match(r"\d+", n)[0]) for n in numbers)) == list(range(1, items + 1))  # type: ignore[index]
        assert len(numbers) == parts

    def test_what_was_not_compared_with_the_publication_is_marked(self, onset: Document) -> None:
        assert {i.checked for i in CHECKLISTS["strobe-cohort"].items} == {"published"}
        assert {i.checked for i in CHECKLISTS["target"].items} == {"summary"}
        exhibit = exhibit_checklist(onset, onset_facts(), "target")
        assert all("\u2020 " in row.cells[0] for row in exhibit.body.rows if row.kind == "body")  # type: ignore[union-attr]
        assert "others' summaries" in exhibit.body.notes[0]  # type: ignore[union-attr]
        mr = {i.number: i.checked for i in CHECKLISTS["strobe-mr"].items}
        assert mr["5"] == "published" and mr["6"] == "transcription"

    @pytest.mark.parametrize("name", CHECKLISTS)
    def test_labels_are_short_and_name_the_publication(self, name: str, onset: Document) -> None:
        assert all(0 < len(i.label.split()) <= 16 for i in CHECKLISTS[name].items)
        assert f"doi:{CHECKLISTS[name].doi}" in exhibit_checklist(onset, onset_facts(), name).caption

    def test_an_unknown_name_is_refused(self) -> None:
        with pytest.raises(DataError, match=r"'strobe-cohrt' is not known.*Did you mean 'strobe-cohort'"):
            find_checklist("strobe-cohrt")

    def test_an_item_stands_once(self) -> None:
        item = Item("1", "a", "b", "c", authors("d"))
        with pytest.raises(DataError, match="item 1 2 times"):
            Checklist("x", "X", "c", "d", (item, item))


class TestFilled:
    @pytest.mark.parametrize("status", ["reported", "partly"])
    def test_nothing_is_reported_nowhere(self, status: str) -> None:
        with pytest.raises(DataError, match="needs a place"):
            Filled(status, note="x")  # type: ignore[arg-type]

    @pytest.mark.parametrize("status", ["to do", "not applicable"])
    def test_what_is_to_do_stands_nowhere_and_says_what(self, status: str) -> None:
        with pytest.raises(DataError, match="has no place"):
            Filled(status, (Place("Table 1", "t"),), "x")  # type: ignore[arg-type]
        with pytest.raises(DataError, match="needs a note"):
            Filled(status)  # type: ignore[arg-type]

    def test_a_place_that_is_not_in_the_report_is_refused(self, onset: Document) -> None:
        item = Item("1", "a", "b", "c", lambda seen: Filled("reported", (Place("Table 99", "nowhere"),)))
        with pytest.raises(DataError, match="'nowhere', which is not in the report"):
            fill_checklist(onset, onset_facts(), Checklist("x", "X", "c", "d", (item,)))


class TestOnset:
    def test_what_is_there_is_found_where_it_is(self, onset: Document) -> None:
        filled = fill_checklist(onset, onset_facts(), find_checklist("strobe-cohort"))
        places = {n: [p.words for p in f.places] for n, f in filled.items()}
        assert places["13c"] == ["Figure 1"]
        assert places["13a"] == places["13b"] == ["Figure 1", "Table 7"]
        assert places["14b"] == ["Table 1"]
        assert places["14c"] == places["15"] == ["Table 1", "Table 2"]
        assert places["16c"] == ["Figure 3", "Main results"]
        assert places["17"] == ["Table 3"]
        assert places["12a"] == places["12e"] == ["Methods"]
        assert all(
            filled[n].status == "reported" for n in ("12a", "12e", "13a", "13b", "13c", "14a", "14b", "14c", "15", "16b", "16c", "17", "18")
        )

    def test_what_only_authors_know_is_to_do(self, onset: Document) -> None:
        filled = fill_checklist(onset, onset_facts(), find_checklist("strobe-cohort"))
        for number in ("1a", "10", "20", "21", "22"):
            assert filled[number].status == "to do" and filled[number].note.startswith("Add: ")
        record = fill_checklist(onset, onset_facts(), find_checklist("record"))
        assert all(record[n].status == "to do" for n in ("1.1", "1.2", "1.3", "6.2", "6.3", "12.1", "12.3"))
        assert "ethics" in fill_checklist(onset, onset_facts(), find_checklist("target"))["17"].note

    def test_why_confounders_were_chosen_is_not_known(self, onset: Document) -> None:
        filled = fill_checklist(onset, onset_facts(), find_checklist("strobe-cohort"))["16a"]
        assert (filled.status, filled.note) == ("partly", "Add: why these confounders were chosen.")

    def test_an_empty_report_reports_nothing(self) -> None:
        facts = StudyFacts("B12 and LS", "")
        document = compose(Estimates.from_rows([]), facts)
        for name in CHECKLISTS:
            reported = {n for n, s in statuses(document, facts, name).items() if s == "reported"}
            # the general sentence on p-values stands in every report
            assert reported == ({"6e"} if name == "strobe-mr" else set())

    def test_notes_on_what_is_absent_do_not_count(self, onset: Document) -> None:
        notes = tuple(Note(text) for text in ("The outcome was not given.", "Missing values were not imputed.", "Time zero is unknown."))
        sections = tuple(dataclasses.replace(s, blocks=notes) if s.key == "methods" else s for s in onset.sections)
        found = statuses(dataclasses.replace(onset, sections=sections))
        assert all(found[n] == "to do" for n in ("4", "5", "6a", "7", "11", "12a", "12e"))

    def test_sections_cut_out(self, onset: Document) -> None:
        assert statuses(without_sections(onset, "summary"))["18"] == "to do"
        assert statuses(without_sections(onset, "limitations"))["19"] == "to do"
        assert statuses(without_sections(onset, "question"))["3"] == "to do"
        assert statuses(without_sections(onset, "provenance"), name="record")["22.1"] == "to do"

    def test_limitations_of_every_report_are_not_the_study_s(self) -> None:
        facts = onset_facts(limitations=())
        assert statuses(quick(onset_estimates(), facts), facts)["19"] == "to do"


REMOVALS = [
    (("flow",), {"13c": "to do", "13a": "reported", "13b": "reported"}),
    (("flow", "table-attrition"), {"13a": "to do", "13b": "to do", "13c": "to do"}),
    (("table1",), {"14b": "to do", "14a": "partly", "14c": "reported", "15": "reported"}),
    (("table1", "distribution"), {"14a": "to do", "14b": "to do"}),
    (("table1", "table-main-results"), {"14c": "to do", "15": "to do"}),
    (("table-main-results", "table-sensitivity"), {"16a": "to do", "17": "to do"}),
    (("table-sensitivity",), {"17": "to do", "12e": "reported"}),
    (("table1", "table-main-results", "curves", "forest"), {"16b": "not applicable"}),
]


class TestRemovals:
    @pytest.mark.parametrize(("keys", "expected"), REMOVALS, ids=[" ".join(keys) for keys, _ in REMOVALS])
    def test_items_fall_back_with_their_exhibits(self, onset: Document, keys: tuple[str, ...], expected: dict[str, str]) -> None:
        found = statuses(without(onset, *keys))
        assert {n: found[n] for n in expected} == expected

    def test_absolute_risk_needs_a_curve_or_its_sentence(self, onset: Document) -> None:
        assert statuses(without(onset, "curves"))["16c"] == "reported"
        assert statuses(without_sections(onset, "results"))["16c"] == "to do"

    @pytest.mark.parametrize("name", CHECKLISTS)
    def test_no_item_points_to_what_was_removed_or_gets_better_for_it(self, onset: Document, name: str) -> None:
        only_less(onset, onset_facts(), name)


def only_less(document: Document, facts: StudyFacts, name: str) -> set[str]:
    """Cut out each exhibit in turn: no item points to it or gains; returns the items that lost."""
    lost: set[str] = set()
    whole = fill_checklist(document, facts, find_checklist(name))
    for exhibit in document.exhibits:
        rest = fill_checklist(without(document, exhibit.key), facts, find_checklist(name))
        for number, filled in rest.items():
            assert exhibit.key not in [p.anchor for p in filled.places]
            assert ORDER[filled.status] <= ORDER[whole[number].status], (exhibit.key, number)
            if filled != whole[number]:
                lost.add(number)
    return lost


class TestNumbers:
    def test_hidden_person_time_is_no_follow_up_time(self) -> None:
        document = changed(lambda f: f.assign(person_time=math.nan))
        assert statuses(document)["14c"] == "to do"

    def test_hidden_events_are_no_outcome_data(self) -> None:
        assert statuses(changed(lambda f: f.assign(events=math.nan)))["15"] == "to do"

    def test_hidden_counts_of_missing_values(self) -> None:
        document = changed(lambda f: f.assign(n=f["n"].where(f["measure"] != "missing")))
        assert statuses(document)["14b"] == "to do"

    def test_estimates_without_intervals_are_not_enough(self) -> None:
        document = changed(lambda f: f.assign(low=f["low"].where(f["context"] != "estimate")))
        assert statuses(document)["16a"] == "to do"

    def test_covariates_do_not_stand_for_a_hidden_exposure(self) -> None:
        def hide(frame: pd.DataFrame) -> pd.DataFrame:
            exposure = frame["term"].isin([B12, "b12_group"]) & (frame["context"] == "estimate")
            return frame.assign(high=frame["high"].where(~exposure))

        document = changed(hide)
        assert statuses(document)["16a"] == "to do"

    def test_a_crude_model_of_another_outcome_is_none_of_this_one(self) -> None:
        models = tuple(dataclasses.replace(m, outcome="death") if m.name == "crude" else m for m in onset_facts().models)
        facts = onset_facts(models=models)
        frame = onset_estimates().frame
        frame.loc[frame["model"] == "crude", "outcome"] = "death"
        filled = fill_checklist(quick(Estimates.from_frame(frame), facts), facts, find_checklist("strobe-cohort"))["16a"]
        assert "crude estimates" in filled.note

    def test_a_primary_result_that_is_hidden_is_no_key_result(self) -> None:
        document = changed(lambda f: f.assign(value=f["value"].where(f["analysis"] != "primary")))
        assert statuses(document)["18"] == "to do"


@functools.cache
def drawn() -> Document:
    return quick(onset_estimates(), onset_facts())


def told(facts: StudyFacts) -> Document:
    """The onset report with the title and the methods of other facts; nothing is drawn again."""
    texts = compose(Estimates.from_rows([]), facts)
    methods = next(s for s in texts.sections if s.key == "methods")
    sections = tuple(methods if s.key == "methods" else s for s in drawn().sections)
    return dataclasses.replace(drawn(), title=texts.title, sections=sections)


class TestMethods:
    def facts(self, *added: str, **changes: object) -> StudyFacts:
        made: StudyFacts = onset_facts(design=(*onset_facts().design, *added), **changes)
        return made

    def status(self, number: str, facts: StudyFacts, name: str = "strobe-cohort") -> str:
        return statuses(told(facts), facts, name)[number]

    def test_missing_values_need_method_and_numbers(self, onset: Document) -> None:
        assert statuses(onset)["12c"] == "partly"
        facts = self.facts(COMPLETE)
        assert self.status("12c", facts) == "reported"
        document = without(told(facts), "table-fits")
        assert statuses(without_sections(document, "diagnostics"), facts)["12c"] == "partly"

    def test_rules_as_run_answer_for_matching_and_definitions(self) -> None:
        facts = self.facts(definitions=RULES)
        assert self.status("6b", facts) == self.status("12d", facts, "strobe-case-control") == "not applicable"
        assert self.status("7", facts) == "reported"
        assert self.status("6b", onset_facts()) == "to do"
        matched = self.facts("Each case was matched to four controls.", definitions=RULES)
        assert self.status("6b", matched) == "partly"

    def test_code_lists_that_are_named_only_are_not_yet_reported(self) -> None:
        assert self.status("7.1", self.facts(definitions=RULES), "record") == "partly"
        literal = (("Adults", "age >= 18"), ("LS", "diagnoses.date with code L90.0"))
        assert self.status("7.1", self.facts(definitions=literal), "record") == "reported"
        assert self.status("7.1", self.facts(), "record") == "to do"

    def test_quantiles_without_boundaries(self) -> None:
        assert self.status("16b", self.facts("It was also divided into quarters of the cohort.")) == "partly"

    def test_subgroups_apply_once_shown_and_are_reported_once_described(self) -> None:
        assert self.status("12b", onset_facts()) == "not applicable"
        frame = onset_estimates().frame
        frame.loc[(frame["model"] == "lag0") & (frame["context"] == "estimate"), "subgroup"] = "women"
        for facts, status in ((onset_facts(), "to do"), (self.facts("Subgroups were examined by interaction terms."), "reported")):
            assert statuses(quick(Estimates.from_frame(frame), facts), facts)["12b"] == status

    def test_the_design_in_the_title(self) -> None:
        assert self.status("1a", self.facts(title="B12 and LS: a cohort study")) == "reported"
        assert self.status("1a", self.facts(title="B12 and LS: a cohort study"), "strobe-case-control") == "to do"

    def test_target_looks_for_strategies_only_where_a_trial_is_named(self) -> None:
        assert self.status("9", onset_facts(), "target") == "to do"
        trial = self.facts("We emulated a target trial of two supplementation strategies.")
        assert self.status("1a", trial, "target") == self.status("9", trial, "target") == "reported"
        assert self.status("6a", trial, "target") == "to do"

    def test_mendelian_randomisation_is_found_by_its_estimator(self) -> None:
        assert self.status("11b", onset_facts(), "strobe-mr") == "to do"
        facts = self.facts("The estimator was inverse-variance weighted.", title="Mendelian randomization of B12 and LS")
        assert self.status("11b", facts, "strobe-mr") == self.status("1", facts, "strobe-mr") == "reported"

    def test_limitations_are_read_for_what_they_are_about(self) -> None:
        facts = onset_facts()
        note = fill_checklist(drawn(), facts, find_checklist("record"))["19.1"].note
        # both limitations are about reverse causation and testing
        assert all(topic in note for topic in ("misclassification", "unmeasured confounding", "missing data", "eligibility"))


@pytest.mark.parametrize(
    ("level", "expected"), [("<148", True), ("148 to <221", True), ("65 or older", True), ("ICD 10", False), ("yes", False)]
)
def test_classes_of_numbers_are_told_from_categories(level: str, expected: bool) -> None:
    assert is_class(level) is expected


def test_a_model_with_covariates_or_strata_is_not_crude() -> None:
    crude = ModelFacts("m", "M", "primary", "cox", "outcome ~ b12", exposures=("b12",))
    assert is_crude(crude)
    assert not is_crude(dataclasses.replace(crude, formula="b12 + age"))
    assert not is_crude(dataclasses.replace(crude, adjustments=("age",)))
    assert not is_crude(dataclasses.replace(crude, note="Strata, each with its own baseline hazard: Sex."))


NAMES = ("strobe-cohort", "record")


@pytest.fixture(scope="module")
def listed() -> Document:
    return compose(onset_estimates(), onset_facts(checklists=NAMES))


class TestInTheReport:
    def test_none_are_shown_unless_asked_for(self, onset: Document) -> None:
        assert "checklists" not in [s.key for s in onset.sections]
        assert with_checklists(onset, onset_facts(), ()) is onset

    def test_they_come_last_and_leave_the_rest_as_it_is(self, onset: Document, listed: Document) -> None:
        document = listed
        assert [s.key for s in document.sections] == [*(s.key for s in onset.sections), "checklists"]
        assert [(e.name, e.key) for e in document.exhibits[-2:]] == [
            ("Table 8", "checklist-strobe-cohort"),
            ("Table 9", "checklist-record"),
        ]
        assert [e.name for e in document.exhibits[:-2]] == [e.name for e in onset.exhibits]
        said = " ".join(s.text for s in document.sentences)
        assert (
            "STROBE, cohort studies: 13 of 34 items are filled by the run and 13 in part; 7 are to do by the authors, 1 does not apply."
            in said
        )
        assert "not those" not in said and "named in our words" in said
        assert "Simulated data" in document.exhibits[-1].caption

    def test_a_checklist_does_not_fill_another(self, onset: Document, listed: Document) -> None:
        facts = onset_facts()
        for name in CHECKLISTS:
            assert fill_checklist(listed, facts, find_checklist(name)) == fill_checklist(onset, facts, find_checklist(name))

    def test_facts_keep_their_names(self) -> None:
        facts = onset_facts(checklists=NAMES)
        assert StudyFacts.from_json(facts.to_json()) == facts

    @pytest.mark.parametrize(("names", "message"), [(("strobe",), "is not known"), (("record", "record"), "2 times")])
    def test_wrong_names_are_refused(self, names: tuple[str, ...], message: str) -> None:
        with pytest.raises(DataError, match=message):
            quick(onset_estimates(), onset_facts(checklists=names))

    def test_every_link_leads_somewhere(self) -> None:
        for estimates, facts in ((onset_estimates(), onset_facts), (nhanes_estimates(), nhanes_facts)):
            page = render(quick(estimates, facts(checklists=tuple(CHECKLISTS))))
            ids = re.findall(r'\bid="([^"]+)"', page)
            links = re.findall(r'href="#([^"]+)"', page)
            assert set(links) <= set(ids) and len(ids) == len(set(ids))
            assert '<a href="#table-main-results">Table ' in page

    def test_words_of_a_cell_are_cut_at_their_links(self, listed: Document) -> None:
        row = next(r for r in listed.exhibits[-2].body.rows if r.cells[0].startswith("13a"))  # type: ignore[union-attr]
        assert row.pieces(2) == [("Figure 1", "flow"), (", ", ""), ("Table 7", "table-attrition"), (".", "")]
        assert row.pieces(1) == [("Numbers at each stage", "")]


@pytest.mark.slow
def test_a_small_study_loses_items_with_its_exhibits(tmp_path: Path) -> None:
    results = load_study(copy_study("onset", tmp_path, persons=6000)).run()
    document, facts = compose(results.estimates, results.facts), results.facts
    found = statuses(document, facts)
    reported = ("7", "12a", "12c", "12e", "13a", "13b", "13c", "14a", "14b", "14c", "15", "16b", "16c", "17", "18")
    assert all(found[n] == "reported" for n in reported), found
    assert all(found[n] == "to do" for n in ("1a", "10", "20", "21", "22"))
    assert {"13a", "13c", "14a", "14b", "14c", "15", "16a", "17"} <= only_less(document, facts, "strobe-cohort")
    assert statuses(without(document, "flow", "table-attrition"), facts, "record")["13.1"] == "partly"
    shown = ("curves", "incidence", "stacked", "table1", "table-", "forest")
    left = statuses(without(document, "flow", *shown), facts)
    assert all(left[n] == "to do" for n in ("13a", "13b", "13c", "14b", "14c", "15", "16a"))
