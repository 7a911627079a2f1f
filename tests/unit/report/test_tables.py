"""Tables: reference rows, hidden cells, yes/no variables, models the facts forgot."""

from __future__ import annotations

import math

import pytest
from unit.report.examples import nhanes_estimates, nhanes_facts, onset_estimates, onset_facts

from cobalamin.core.errors import DataError
from cobalamin.core.estimates import Estimates
from cobalamin.report.exhibit import Column, Exhibit, Row, TableBody, number_exhibits
from cobalamin.report.model_tables import exhibit_attrition, exhibit_fits, exhibit_models
from cobalamin.report.table1 import exhibit_table1
from cobalamin.report.tables import exhibit_results

EMPTY = Estimates.from_rows([])


def texts(exhibit: Exhibit | None) -> list[tuple[str, ...]]:
    assert exhibit is not None
    assert isinstance(exhibit.body, TableBody)
    return [row.cells for row in exhibit.body.rows]


def test_main_results_show_the_reference_and_the_numbers_of_each_level() -> None:
    assert texts(exhibit_results(onset_estimates(), onset_facts())) == [
        ("Adjusted, lag 2 years",),
        ("Serum B12, per doubling", "60,905", "1,015", "549,486", "0.98 (0.90 to 1.07)", "0.72"),
        ("Crude, no lag",),
        ("Serum B12, per doubling", "60,905", "1,015", "549,486", "0.84 (0.78 to 0.91)", "<0.001"),
        ("By B12 group",),
        ("Serum B12 group", "", "", "", "", ""),
        ("221 pmol/L or more", "42,905", "680", "388,770", "1 (reference)", "\u2013"),
        ("148 to 220 pmol/L", "13,880", "240", "124,305", "1.04 (0.89 to 1.21)", "0.62"),
        ("Below 148 pmol/L", "4,120", "95", "36,410", "1.14 (0.91 to 1.43)", "0.25"),
    ]


def test_mixed_measures_are_named_at_each_model() -> None:
    shown = exhibit_results(nhanes_estimates(), nhanes_facts())
    assert ("Determinants of low B12 (odds ratios)",) in texts(shown)
    assert ("Survey-weighted (hazard ratios)",) in texts(shown)


def test_a_warning_becomes_a_footnote_and_a_suppression_does_not() -> None:
    shown = exhibit_results(nhanes_estimates(), nhanes_facts(), roles=("sensitivity",))
    assert texts(shown)[1][-2] == "0.61 (0.29 to 1.29)\u1d43"
    assert shown is not None and isinstance(shown.body, TableBody)
    assert shown.body.notes[-1] == "\u1d43 12 events for 2 parameters"


def test_hidden_ratio_and_count_are_shown_as_hidden() -> None:
    estimates = onset_estimates()
    frame = estimates.frame.copy()
    hide = frame["model"].eq("groups") & frame["level"].eq("Below 148 pmol/L")
    frame.loc[hide, ["value", "low", "high", "p", "events"]] = math.nan
    frame.loc[hide, "warning"] = "suppressed in part: events <= 7"
    row = texts(exhibit_results(Estimates.from_frame(frame), onset_facts()))[-1]
    assert row == ("Below 148 pmol/L", "4,120", "[suppressed]", "36,410", "[suppressed]", "\u2013")


def test_a_model_the_facts_do_not_describe_is_shown_by_its_name() -> None:
    facts = onset_facts(models=onset_facts().models[:1])
    assert ("crude",) in texts(exhibit_results(onset_estimates(), facts))


def test_table_1_totals_shares_missing_and_hidden_cells() -> None:
    rows = {cells[0]: cells[1:] for cells in texts(exhibit_table1(onset_estimates(), onset_facts()))}
    assert rows["LS diagnoses"] == ("1,015", "95", "240", "680", "")
    assert rows["Mean (SD)"][0] == "51.3 (16.4)"
    assert rows["Median (quartiles)"][0] == "52.0 (39.5 to 64.2)"
    assert rows["female"][0] == "33,011 (54.2%)"
    assert rows["Autoimmune gastritis: yes"] == ("1,279 (2.1%)", "87 (2.1%)", "[suppressed]", "901 (2.1%)", "0.41")
    assert rows["Missing"] == ("0", "40 (0.1%)", "80 (0.1%)", "120 (0.2%)", "")


def test_yes_no_variables_take_one_line() -> None:
    rows = [
        {
            "analysis": "table1",
            "context": "summary",
            "subgroup": "Overall",
            "term": "x",
            "level": level,
            "measure": "percent",
            "value": v,
            "n": n,
        }
        for level, v, n in (("0", 90.0, 90), ("1", 10.0, 10))
    ]
    assert texts(exhibit_table1(Estimates.from_rows(rows), onset_facts())) == [("x: yes", "10 (10.0%)")]


def test_models_fits_and_attrition() -> None:
    models = texts(exhibit_models(onset_estimates(), onset_facts()))
    adjusted = "age, sex, autoimmune gastritis, thyroid disease and calendar year"
    assert models[0][1:4] == ("primary", "Cox proportional-hazards regression, lag 2 years", adjusted)
    assert models[1][3] == "unadjusted"
    assert texts(exhibit_fits(onset_estimates(), onset_facts()))[0] == (
        "Adjusted, lag 2 years",
        "60,905",
        "125",
        "1,015",
        "549,486",
        "\u221210,412.3",
    )
    attrition = texts(exhibit_attrition(onset_estimates(), onset_facts()))
    assert attrition[1] == ("Aged 18 years or older at time zero", "82,410 people (1,395 events)", "17,590 people (245 events)")


def test_exposures_are_adjusted_for_one_another() -> None:
    rows = {r[0]: r for r in texts(exhibit_models(nhanes_estimates(), nhanes_facts()))}
    assert rows["Determinants of low B12"][3] == "one another"


def test_without_rows_there_is_no_table() -> None:
    assert exhibit_results(EMPTY, onset_facts()) is None
    assert exhibit_table1(EMPTY, onset_facts()) is None
    assert exhibit_fits(EMPTY, onset_facts()) is None
    assert exhibit_attrition(EMPTY, onset_facts()) is None


def test_a_row_with_too_few_cells_is_refused() -> None:
    with pytest.raises(DataError, match=r"row 0 \(body\) has 1 cells; expected 2"):
        TableBody((Column("a"), Column("b")), (Row(("x",)),))


def test_two_exhibits_with_one_key_are_refused() -> None:
    shown = exhibit_attrition(onset_estimates(), onset_facts())
    assert shown is not None
    with pytest.raises(DataError, match="two exhibits have the key 'table-attrition'"):
        number_exhibits([shown, shown])
