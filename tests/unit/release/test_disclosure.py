"""What each kind of result looks like after disclosure control."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import DisclosureError
from cobalamin.core.estimates import Estimates
from cobalamin.release.cells import Cell, Ledger
from cobalamin.release.disclosure import SUPPRESSED, disclose, preset
from cobalamin.release.reader import Reader
from cobalamin.release.secondary import protect

ACTIVE = ["opensafely", "opensafely-midpoint6", "acro", "ukllc", "cms"]
EXACTLY = {"rtol": 0, "atol": 1e-9}  # printed numbers are short; only binary representation may differ


def percent_rows(counts: dict[str, list[int]], missing: list[int], term: str = "smoking") -> list[dict]:
    """Table 1 rows of one variable for groups A, B and Overall."""
    table = {level: [*n, sum(n)] for level, n in counts.items()}
    lost = [*missing, sum(missing)]
    known = [sum(column) for column in zip(*table.values(), strict=True)]
    rows = []
    for j, group in enumerate(("A", "B", "Overall")):
        common = {"analysis": "table1", "context": "summary", "model": "grp", "subgroup": group}
        rows.append({**common, "measure": "total", "n": known[j] + lost[j]})
        rows += [
            {**common, "term": term, "level": level, "measure": "percent", "n": n[j], "value": 100 * n[j] / known[j]}
            for level, n in table.items()
        ]
        rows.append({**common, "term": term, "measure": "missing", "n": lost[j], "value": 100 * lost[j] / (known[j] + lost[j])})
    return rows


def pick(frame: pd.DataFrame, **equal: object) -> pd.DataFrame:
    keep = np.logical_and.reduce([frame[name] == value for name, value in equal.items()])
    return frame[keep]


def one(frame: pd.DataFrame, column: str, **equal: object) -> float:
    found = pick(frame, **equal)
    assert len(found) == 1
    return float(found[column].iloc[0])


def model(counts: list[tuple[str, int, int]], facts: dict[str, float], **common: object) -> list[dict]:
    base = {"analysis": "primary", "model": "crude", "outcome": "LS", **common}
    reference = counts[0][0]
    rows = [
        {**base, "context": "estimate", "term": "smoking", "level": level, "reference": reference, "measure": "odds ratio",
         "value": 1 + i / 7,
         "low": 0.81234567, "high": 2.123456789, "std_error": 0.2123456, "p": 0.012345678, "n": n, "events": e, "person_time": 3.3 * n}
        for i, (level, n, e) in enumerate(counts)
    ]  # fmt: skip
    return rows + [{**base, "context": "diagnostic", "measure": name, "value": value} for name, value in facts.items()]


class TestNone:
    def test_nothing_changes_and_the_record_says_so(self) -> None:
        truth = Estimates.from_rows(percent_rows({"never": [3, 60], "ever": [40, 50]}, [1, 2]))
        released = disclose(truth, "none")
        pd.testing.assert_frame_equal(released.estimates.frame, truth.frame)
        assert released.decisions["action"].tolist() == ["nothing hidden, nothing changed"]

    @pytest.mark.parametrize("name", [*ACTIVE, "none"])
    def test_no_rows_no_trouble(self, name: str) -> None:
        released = disclose(Estimates.from_rows([]), name)
        assert len(released.estimates) == 0 and list(released.estimates.frame.columns) == list(Estimates.from_rows([]).frame.columns)

    @pytest.mark.parametrize("name", ACTIVE)
    def test_simulated_truth_is_nobodys_data(self, name: str) -> None:
        truth = Estimates.from_rows(
            [{"analysis": "truth", "context": "diagnostic", "term": "b12", "measure": "hazard ratio", "value": 1.23456789}]
        )
        assert disclose(truth, name).estimates.frame["value"].tolist() == [1.23456789]


class TestTable1:
    COUNTS = {"never": [100, 180], "former": [3, 60], "current": [40, 402]}  # noqa: RUF012

    def test_opensafely_rounds_sums_and_recomputes(self) -> None:
        frame = disclose(Estimates.from_rows(percent_rows(self.COUNTS, [20, 30])), "opensafely").estimates.frame
        assert math.isnan(one(frame, "n", level="former", subgroup="A"))
        shown = frame["n"].dropna()
        assert (shown % 5 == 0).all()
        # the margin is the sum of its rounded parts, the percentage that of the rounded counts
        assert one(frame, "n", level="current", subgroup="Overall") == 440
        assert_allclose(one(frame, "value", level="never", subgroup="B"), 100 * 180 / (180 + 60 + 400), **EXACTLY)

    def test_suppression_hides_a_companion_in_row_and_column(self) -> None:
        frame = disclose(Estimates.from_rows(percent_rows(self.COUNTS, [20, 30])), "cms").estimates.frame
        hidden = pick(frame, measure="percent")[lambda f: f["n"].isna()]
        assert set(zip(hidden["level"], hidden["subgroup"], strict=True)) >= {("former", "A"), ("former", "B")}
        assert (hidden.groupby("subgroup").size() >= 2).all() and (hidden.groupby("level").size() >= 2).all()
        assert hidden["value"].isna().all() and hidden["warning"].str.startswith(SUPPRESSED).all()

    def test_shown_numbers_are_the_true_ones_under_suppression(self) -> None:
        truth = Estimates.from_rows(percent_rows(self.COUNTS, [20, 30]))
        frame = disclose(truth, "cms").estimates.frame
        for column in ("n", "value"):
            shown = frame[column].notna()
            assert_allclose(frame.loc[shown, column], truth.frame.loc[shown, column], **EXACTLY)

    def test_large_tables_are_left_alone_under_suppression(self) -> None:
        truth = Estimates.from_rows(percent_rows({"never": [100, 180], "ever": [300, 60]}, [20, 30]))
        released = disclose(truth, "cms")
        pd.testing.assert_frame_equal(released.estimates.frame, truth.frame)
        assert released.decisions.empty

    def test_few_missing_are_not_given_by_total_minus_levels(self) -> None:
        frame = disclose(Estimates.from_rows(percent_rows({"never": [100, 180], "ever": [300, 60]}, [4, 30])), "cms").estimates.frame
        column = pick(frame, subgroup="A")
        assert math.isnan(one(column, "n", measure="missing"))
        assert pick(column, measure="percent")["n"].isna().any()
        assert pick(column, measure="percent")["value"].isna().all(), "a percentage would tell the number known, and so the number missing"

    def test_people_in_no_group_are_protected_too(self) -> None:
        rows = percent_rows({"never": [100, 180], "ever": [300, 60]}, [20, 30])
        for row in rows:
            if row["subgroup"] == "Overall" and row["measure"] == "total":
                row["n"] += 3
            if row["subgroup"] == "Overall" and row.get("level") == "never":
                row["n"] += 3
        frame = disclose(Estimates.from_rows(rows), "cms").estimates.frame
        assert pick(frame, measure="total")["n"].isna().any()

    @pytest.mark.parametrize("name", ["opensafely", "acro", "ukllc", "cms"])
    def test_a_group_of_few_is_hidden_whole(self, name: str) -> None:
        rows = percent_rows({"never": [4, 180], "ever": [0, 60]}, [0, 30])
        rows.append(
            {
                "analysis": "table1",
                "context": "summary",
                "model": "grp",
                "subgroup": "A",
                "term": "age",
                "measure": "median",
                "n": 4,
                "value": 41.2,
            }
        )
        frame = disclose(Estimates.from_rows(rows), name).estimates.frame
        assert pick(frame, subgroup="A")[["n", "value"]].isna().all().all()

    def test_means_of_few_and_the_mean_that_would_give_them(self) -> None:
        common = {"analysis": "table1", "context": "summary", "model": "grp", "term": "age", "measure": "mean"}
        rows = [
            {**common, "subgroup": g, "n": n, "value": v}
            for g, n, v in [("A", 5, 41.23), ("B", 200, 50.123456), ("C", 900, 55.5), ("Overall", 1105, 54.4)]
        ]
        frame = disclose(Estimates.from_rows(rows), "opensafely").estimates.frame
        assert frame["value"].isna().tolist() == [True, True, False, False]
        assert frame["warning"].iloc[1] == f"{SUPPRESSED} in part: would reveal a hidden number"

    def test_means_lose_the_digits_that_would_tell_n(self) -> None:
        rows = [{"context": "summary", "subgroup": "Overall", "term": "age", "measure": "mean", "n": 37, "value": 1873 / 37}]
        assert disclose(Estimates.from_rows(rows), "opensafely").estimates.frame["value"].tolist() == [50.6]

    def test_smd_goes_with_a_hidden_cell_and_else_has_two_decimals(self) -> None:
        smd = {"analysis": "table1", "context": "summary", "model": "grp", "term": "smoking", "measure": "smd", "value": 0.123456}
        shown = disclose(Estimates.from_rows([*percent_rows({"a": [100, 180], "b": [300, 60]}, [20, 30]), smd]), "cms").estimates.frame
        hidden = disclose(Estimates.from_rows([*percent_rows(self.COUNTS, [20, 30]), smd]), "cms").estimates.frame
        assert one(shown, "value", measure="smd") == 0.12 and math.isnan(one(hidden, "value", measure="smd"))

    def test_weighted_percentages_are_kept_coarse(self) -> None:
        rows = percent_rows({"never": [100, 180], "ever": [300, 60]}, [20, 30])
        for row in rows:
            if row["measure"] == "percent":
                row["value"] *= 0.9123456
        frame = disclose(Estimates.from_rows(rows), "cms").estimates.frame
        values = pick(frame, measure="percent")["value"]
        assert_allclose(values, values.round(1), **EXACTLY)

    def test_events_and_person_time_of_groups(self) -> None:
        common = {"analysis": "table1", "context": "summary", "model": "grp", "measure": "total"}
        rows = [
            {**common, "subgroup": g, "n": n, "events": e, "person_time": 3.2123 * n}
            for g, n, e in [("A", 150, 9), ("B", 645, 41), ("Overall", 795, 50)]
        ]
        frame = disclose(Estimates.from_rows(rows), "cms").estimates.frame
        assert frame["events"].isna().tolist() == [True, True, False]
        assert frame["person_time"].tolist() == [482.0, 2070.0, 2550.0]

    def test_nearly_everybody_with_the_event_is_a_small_group_without(self) -> None:
        rows = [{"context": "summary", "measure": "total", "subgroup": "Overall", "n": 150, "events": 147}]
        frame = disclose(Estimates.from_rows(rows), "cms").estimates.frame
        assert frame[["n", "events"]].isna().any().any()

    def test_smallest_and_largest_values_never_leave(self) -> None:
        rows = [{"context": "summary", "term": "b12", "measure": m, "n": 900, "value": 71.0} for m in ("min", "max")]
        assert disclose(Estimates.from_rows(rows), "opensafely").estimates.frame[["value", "n"]].isna().all().all()

    def test_two_tables_of_the_same_people_hide_the_same_overall_numbers(self) -> None:
        first, second = (
            percent_rows(self.COUNTS, [20, 30]),
            percent_rows({"never": [140, 140], "former": [30, 33], "current": [200, 242]}, [25, 25]),
        )
        second = [{**row, "model": "other"} for row in second]
        rows = percent_rows({"never": [4, 5], "ever": [400, 300]}, [20, 30], term="rare")
        rows = [*first, *second, *rows]
        frame = disclose(Estimates.from_rows(rows), "cms").estimates.frame
        one_table = pick(frame, model="grp", subgroup="Overall", term="smoking").set_index(["level", "measure"])["n"]
        other = pick(frame, model="other", subgroup="Overall", term="smoking").set_index(["level", "measure"])["n"]
        pd.testing.assert_series_equal(one_table.isna(), other.isna())

    def test_weighted_missing_is_kept_coarse(self) -> None:
        rows = percent_rows({"never": [100, 180], "ever": [300, 60]}, [20, 30])
        for row in rows:
            if row["measure"] == "missing":
                row["value"] = 7.654321
        frame = disclose(Estimates.from_rows(rows), "opensafely").estimates.frame
        assert pick(frame, measure="missing")["value"].tolist() == [7.7, 7.7, 7.7]

    def test_the_printed_number_without_a_group_counts_as_known(self) -> None:
        """4 in A, 40 in no group: the overall column less the others would give the 4."""
        common = {"analysis": "table1", "context": "summary", "model": "grp"}
        rows = [{**common, "measure": "total", "subgroup": g, "n": n} for g, n in [("A", 4), ("B", 300), ("Overall", 344)]]
        rows.append({**common, "measure": "missing", "term": "grp", "subgroup": "Overall", "n": 40, "value": 100 * 40 / 344})
        frame = disclose(Estimates.from_rows(rows), "cms").estimates.frame
        assert frame["n"].isna().sum() >= 2

    def test_a_distribution_does_not_print_the_missing_that_table_1_hides(self) -> None:
        rows = percent_rows({"never": [4, 180], "ever": [300, 60]}, [20, 30])
        rows.append({"analysis": "distribution", "context": "summary", "term": "smoking", "measure": "missing", "n": 50, "value": 8.2})
        truth = Estimates.from_rows(rows)
        frame = disclose(truth, "cms").estimates.frame
        table, other = pick(frame, analysis="table1", measure="missing", subgroup="Overall"), pick(frame, analysis="distribution")
        assert table["n"].isna().to_numpy() == other["n"].isna().to_numpy()


class TestAttrition:
    def flow(self, people: list[int], events: list[int]) -> Estimates:
        steps = enumerate(zip(people, events, strict=True))
        return Estimates.from_rows(
            [
                {"analysis": "attrition", "context": "attrition", "measure": "remaining", "term": f"s{i}", "at": i, "n": n, "events": e}
                for i, (n, e) in steps
            ]
        )

    def test_a_small_step_is_merged_with_the_next(self) -> None:
        released = disclose(self.flow([1000, 996, 800], [60, 58, 30]), "acro")
        assert released.estimates.frame["n"].isna().tolist() == [False, True, False]
        assert released.estimates.frame["events"].isna().tolist() == [False, True, False]
        assert set(released.decisions["rule"]) == {"would reveal a hidden number"}

    def test_events_lost_are_protected_where_people_lost_are_many(self) -> None:
        frame = disclose(self.flow([1000, 800, 500], [60, 58, 30]), "cms").estimates.frame
        assert frame["n"].tolist() == [1000, 800, 500] and frame["events"].isna().tolist() == [False, True, False]

    def test_nobody_excluded_is_no_secret(self) -> None:
        frame = disclose(self.flow([1000, 1000, 800], [60, 60, 30]), "acro").estimates.frame
        assert frame["n"].tolist() == [1000, 1000, 800]

    def test_rounded_steps(self) -> None:
        frame = disclose(self.flow([1003, 998, 801], [61, 58, 30]), "opensafely").estimates.frame
        assert frame["n"].tolist() == [1005, 1000, 800] and frame["events"].tolist() == [60, 60, 30]


class TestModels:
    FACTS = {"n": 785, "n_missing": 10, "events": 50, "person_time": 2590.3456, "log-likelihood": -345.6789012}  # noqa: RUF012

    @pytest.mark.parametrize("name", ACTIVE)
    def test_a_ratio_of_few_events_is_hidden_and_the_others_kept(self, name: str) -> None:
        rows = model([("never", 280, 20), ("former", 63, 3), ("current", 442, 27)], self.FACTS)
        frame = disclose(Estimates.from_rows(rows), name).estimates.frame
        assert pick(frame, level="former")[["value", "low", "high", "std_error", "p"]].isna().all().all()
        assert one(frame, "value", level="current") == 1.286 and one(frame, "value", level="never") == 1

    @pytest.mark.parametrize("name", ["opensafely", "cms"])
    def test_a_reference_of_few_events_takes_its_term_along(self, name: str) -> None:
        rows = model([("never", 63, 3), ("ever", 442, 47)], self.FACTS)
        frame = disclose(Estimates.from_rows(rows), name).estimates.frame
        assert frame.loc[frame["term"] == "smoking", "value"].isna().all()
        assert "reference category" in frame.loc[frame["level"] == "ever", "warning"].iloc[0]

    @pytest.mark.parametrize("name", ["opensafely", "acro", "ukllc", "cms"])
    def test_counts_beside_models_are_rounded(self, name: str) -> None:
        rows = model([("never", 283, 21), ("ever", 502, 29)], self.FACTS)
        frame = disclose(Estimates.from_rows(rows), name).estimates.frame
        base = 5 if name == "opensafely" else 10
        counts = pd.concat([frame["n"], frame["events"], frame.loc[frame["measure"].isin(["n", "events"]), "value"]]).dropna()
        assert len(counts) and (counts % base == 0).all()

    @pytest.mark.parametrize("name", ["acro", "cms"])
    def test_too_few_events_in_the_model(self, name: str) -> None:
        frame = disclose(
            Estimates.from_rows(model([("never", 300, 4), ("ever", 500, 3)], {"n": 800, "events": 7, "aic": 1.5})), name
        ).estimates.frame
        assert frame[["value", "low", "high", "p"]].isna().all().all() or frame.loc[frame["measure"] != "n", "value"].isna().all()

    def test_warnings_that_may_describe_what_is_hidden_are_left_out(self) -> None:
        rows = model([("never", 280, 20), ("former", 63, 3), ("current", 442, 27)], self.FACTS, warning="no event in a level")
        frame = disclose(Estimates.from_rows(rows), "opensafely").estimates.frame
        assert pick(frame, level="current")["warning"].tolist() == ["no event in a level"]
        assert not pick(frame, level="former")["warning"].str.contains("no event").any()
        strict = disclose(Estimates.from_rows(rows), "ukllc").estimates.frame
        assert not strict["warning"].str.contains("no event").any(), "where nobody is disclosive the whole model keeps quiet"

    def test_competing_events_and_censored_add_to_the_model(self) -> None:
        rows = model([("never", 400, 40), ("ever", 385, 45)], {"n": 785, "events": 85, "competing_events": 4, "censored": 696})
        frame = disclose(Estimates.from_rows(rows), "cms").estimates.frame
        assert math.isnan(one(frame, "value", measure="competing_events"))

    def test_too_few_degrees_of_freedom(self) -> None:
        rows = model([("never", 11, 11), ("ever", 0, 0)], {"n": 11, "events": 11}) + [
            {
                "analysis": "primary",
                "model": "crude",
                "outcome": "LS",
                "context": "estimate",
                "term": t,
                "measure": "odds ratio",
                "value": 1.5,
                "n": 11,
                "events": 11,
            }
            for t in ("age", "bmi")
        ]
        frame = disclose(Estimates.from_rows(rows), "acro").estimates.frame
        assert pick(frame, term="age")["value"].isna().all()
        assert "degrees of freedom" in pick(frame, term="age")["warning"].iloc[0]

    def test_the_links_to_table_1_hold_for_terms_written_with_c(self) -> None:
        table = percent_rows({"never": [180, 100], "former": [3, 60], "current": [402, 40]}, [0, 0])
        rows = model([("never", 280, 30), ("former", 63, 20), ("current", 442, 27)], {"n": 785, "events": 77})
        for row in rows:
            row["term"] = "C(smoking)" if row.get("term") else ""
        frame = disclose(Estimates.from_rows(table + rows), "cms").estimates.frame
        assert math.isnan(one(frame, "n", measure="percent", level="former", subgroup="A"))

    def test_rates_follow_the_rounded_counts(self) -> None:
        row = {
            "analysis": "rates",
            "context": "estimate",
            "term": "all",
            "measure": "incidence rate",
            "n": 903,
            "events": 52,
            "person_time": 4321.0,
        }
        rate = 1000 * 52 / 4321.0
        truth = Estimates.from_rows([{**row, "value": rate, "low": rate / 2, "high": rate * 2}])
        frame = disclose(truth, "opensafely").estimates.frame
        assert (frame.at[0, "events"], frame.at[0, "person_time"]) == (50, 4320)
        assert_allclose(frame.loc[0, ["low", "value", "high"]].astype(float), [5.787, 11.57, 23.15], rtol=0)


class TestOthers:
    def test_unknown_kinds_of_rows_are_protected_by_their_counts(self) -> None:
        rows = [{"context": "summary", "measure": "prevalence", "n": n, "value": 0.123456} for n in (5, 503)]
        frame = disclose(Estimates.from_rows(rows), "opensafely").estimates.frame
        assert frame["value"].isna().tolist() == [True, False] and frame["n"].iloc[1] == 505 and frame["value"].iloc[1] == 0.1235


class TestRecord:
    def test_it_names_each_hidden_number_and_holds_none(self) -> None:
        truth = Estimates.from_rows(percent_rows({"never": [100, 180], "former": [3, 60], "current": [40, 402]}, [20, 30]))
        released = disclose(truth, "cms")
        hidden = released.decisions[released.decisions["action"] == "hidden"]
        frame = released.estimates.frame
        assert len(hidden) == int((frame[["n", "value"]].isna() & truth.frame[["n", "value"]].notna()).to_numpy().sum())
        small = hidden[(hidden["rule"] == "n <= 10") & (hidden["column"] == "n")]
        assert small[["level", "subgroup"]].values.tolist() == [["former", "A"]]
        assert released.decisions.select_dtypes("number").columns.tolist() == ["at"]

    def test_order_and_number_of_rows_stay(self) -> None:
        truth = Estimates.from_rows(percent_rows({"never": [100, 180], "former": [3, 60]}, [20, 30]))
        frame = disclose(truth, "opensafely").estimates.frame
        columns = ["term", "level", "subgroup", "measure"]
        pd.testing.assert_frame_equal(frame[columns], truth.frame[columns])

    def test_twice_is_the_same(self) -> None:
        truth = Estimates.from_rows(percent_rows({"never": [100, 180], "former": [3, 60]}, [4, 5]))
        one_run, other = disclose(truth, "acro"), disclose(truth, "acro")
        pd.testing.assert_frame_equal(one_run.estimates.frame, other.estimates.frame)
        pd.testing.assert_frame_equal(one_run.decisions, other.decisions)


def test_a_count_that_cannot_be_protected_is_refused() -> None:
    """Ten cells hidden as small (so at least 1 each) in a total hidden as small (so at most 10) are ten ones."""
    ledger = Ledger()
    parts = [ledger.add(Cell(("table", f"part {i}"), 1, exact=True)) for i in range(10)]
    ledger.total(ledger.add(Cell(("table", "total"), 10, exact=True)), parts)
    with pytest.raises(DisclosureError, match=r"'part 0' can be computed .* Merge categories"):
        protect(ledger, preset("cms"))


def test_contradictory_margins_are_refused() -> None:
    ledger = Ledger()
    ledger.add(Cell(("a",), 3, exact=True))
    ledger.equations.append({("a",): 1, ledger.add(Cell(("b",), 20, exact=True)): 1, ledger.add(Cell(("c",), 90, exact=True)): 1})
    with pytest.raises(DisclosureError, match="contradict"):
        Reader.of(ledger, {("a",): "small", ("b",): "secondary"}, preset("cms")).range(("a",))
