"""Units, analytes and censored results, drawn as text and worked by hand.

pmol/L = pg/mL x 1000 / 1355.37 for cyanocobalamin: 200 pg/mL = 147.56 pmol/L, 1000 pg/mL = 737.81 pmol/L.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.dictionary.assemble import make_table
from cobalamin.dictionary.check import check
from cobalamin.dictionary.descriptor import parse_descriptor
from cobalamin.dictionary.dictionary import Dictionary
from cobalamin.dictionary.failure_report import FailureReport

PRINTED = 0.005  # two decimals were worked by hand
B12 = {
    "unit": "pmol/L",
    "acceptedUnits": ["pg/mL", "ng/L", "pmol/L"],
    "minimum": 5,
    "maximum": 15000,
    "detectionLimits": {"lower": 50, "upper": 1500},
}
MMA = {"unit": "nmol/L", "acceptedUnits": ["umol/L", "nmol/L"], "minimum": 20, "maximum": 200000}
LONG = {
    "name": "labs",
    "fields": [
        {"name": "analyte", "type": "string", "role": "analyte"},
        {
            "name": "result",
            "type": "number",
            "role": "result",
            "unitColumn": "unit",
            "analyteColumn": "analyte",
            "analytes": {"b12": B12, "mma": MMA},
        },
        {"name": "unit", "type": "string", "role": "unit"},
    ],
}
WIDE = {
    "name": "labs",
    "fields": [
        {"name": "b12", "type": "number", "unit": "pmol/L", "acceptedUnits": ["pg/mL"], "role": "exposure"},
        {"name": "mma", "type": "number", "unit": "nmol/L", "acceptedUnits": ["umol/L"]},
        {"name": "lab", "type": "string", "role": "assay"},
    ],
}


def report_of(descriptor: dict, rows: dict) -> FailureReport:
    dictionary = Dictionary({"labs": make_table(parse_descriptor(descriptor, where="test"), name="labs", where="test")})
    return check({"labs": pd.DataFrame(rows)}, dictionary)


def long_report(drawing: str) -> FailureReport:
    cells = [[c.strip() or None for c in line.split("|")] for line in drawing.strip().splitlines()]
    return report_of(LONG, dict(zip(["analyte", "result", "unit"], map(list, zip(*cells, strict=True)), strict=True)))


class TestUnitsByRow:
    def test_one_column_of_two_units_becomes_one_unit(self) -> None:
        report = long_report(
            """
            b12 | 200    | pg/mL
            b12 | 200    | ng/L
            b12 | 200    | pmol/L
            b12 | 1000   | PG/ML
            b12 | 200    | pMol/l
            mma | 0.25   | umol/L
            mma | 0.25   | µmol/L
            mma | 250    | nmol/L
            """
        )
        assert report.ok
        assert_allclose(report.valid["labs"]["result"], [147.56, 147.56, 200, 737.81, 200, 250, 250, 250], atol=PRINTED)
        assert report.valid["labs"]["unit"].tolist() == ["pmol/L"] * 5 + ["nmol/L"] * 3
        conversions = report.notes[report.notes["kind"] == "conversion"]
        assert conversions["n_rows"].sum() == 5 and "times 0.737806" in conversions["note"].iloc[0]

    def test_unknown_units_and_analytes_are_failures(self) -> None:
        report = long_report("b12 | 200 | mg/dL\nb12 | 200 |\nB-12 | 200 | pmol/L\nmma | 250 | nmol/L\nb12 | | furlong")
        by_rule = report.failures.set_index("rule")
        assert by_rule.loc["unit", "rows"] == ("row 1", "row 2")
        assert by_rule.loc["unit", "got"] == "1 in a unit that is not accepted, 1 without a unit (furlong, mg/dL)"
        assert by_rule.loc["analyte", "rows"] == ("row 3",)
        assert report.n_valid["labs"] == 2  # the missing result needs no unit

    def test_range_is_that_of_the_analyte_in_the_canonical_unit(self) -> None:
        report = long_report("b12 | 4 | pmol/L\nb12 | 6 | pg/mL\nb12 | 7 | pg/mL\nmma | 0.01 | umol/L\nmma | 30 | nmol/L")
        # 6 pg/mL = 4.4 pmol/L is below 5; 7 pg/mL = 5.2 is not; 0.01 umol/L = 10 nmol/L is below 20
        assert report.failures[["rule", "rows"]].values.tolist() == [["range", ("row 1", "row 2", "row 4")]]

    def test_a_sentinel_is_seen_before_conversion(self) -> None:
        report = long_report("b12 | 99999 | pg/mL\nb12 | 300 | pg/mL")
        assert report.failures[["rule", "rows"]].values.tolist() == [["suspected sentinel", ("row 1",)]]

    def test_a_long_text_in_the_unit_column_is_not_repeated(self) -> None:
        report = long_report("b12 | 200 | call Mrs Andersson at home\nb12 | 200 | pmol/L")
        assert "Andersson" not in report.to_text()


class TestUnitColumnWithoutAnalytes:
    def test_a_wide_column_with_the_unit_of_each_row(self) -> None:
        field = {
            "name": "b12",
            "type": "number",
            "unit": "pmol/L",
            "acceptedUnits": ["pg/mL"],
            "unitColumn": "u",
            "constraints": {"minimum": 140},
        }
        descriptor = {"name": "labs", "fields": [field, {"name": "u", "type": "string"}]}
        report = report_of(descriptor, {"b12": [200, 200, 150, 200], "u": ["pg/mL", "pmol/L", "pg/mL", "nmol/L"]})
        assert report.failures[["rule", "rows"]].values.tolist() == [["unit", ("row 4",)], ["range", ("row 3",)]]
        assert_allclose(report.valid["labs"]["b12"], [147.56, 200], atol=PRINTED)


class TestCensoredResults:
    def test_limits_as_text_are_censored_at_the_converted_limit(self) -> None:
        report = long_report(
            """
            b12 | <150     | pg/mL
            b12 | < 150    | pg/mL
            b12 | ≤150     | pg/mL
            b12 | >2000    | pg/mL
            b12 | >= 2000  | pg/mL
            b12 | 150 (L)  | pmol/L
            b12 | 150*     | pmol/L
            b12 | <150 (L) | pmol/L
            b12 | 300      | pmol/L
            """
        )
        assert report.ok
        assert report.valid["labs"]["result_censored"].tolist() == ["left"] * 3 + ["right"] * 2 + ["", "", "left", ""]
        limit, top = 150 * 0.737806, 2000 * 0.737806
        assert_allclose(report.valid["labs"]["result"], [limit] * 3 + [top] * 2 + [150, 150, 150, 300], rtol=1e-5)

    def test_numbers_beyond_the_measuring_range_are_marked_and_keep_their_value(self) -> None:
        report = long_report("b12 | 35.4 | pmol/L\nb12 | 50 | pmol/L\nb12 | 1500 | pmol/L\nb12 | 1501 | pmol/L\nmma | 60000 | nmol/L")
        assert report.valid["labs"]["result_censored"].tolist() == ["left", "", "", "right", ""]
        assert report.valid["labs"]["result"].iloc[0] == 35.4
        assert report.notes["n_rows"].tolist() == [1, 1]

    def test_a_limit_that_looks_like_a_missing_code_is_a_result(self) -> None:
        descriptor = {
            "name": "labs",
            "fields": [{"name": "x", "type": "number", "detectionLimits": {}, "missingValues": [{"value": 99, "label": "refused"}]}],
        }
        report = report_of(descriptor, {"x": ["<99", "99", "98"]})
        assert report.valid["labs"]["x_censored"].tolist() == ["left", "", ""]
        assert [None if math.isnan(v) else v for v in report.valid["labs"]["x"]] == [99, None, 98]

    @pytest.mark.parametrize("text", ["<", "<abc", "150 pg", "1-5", "<<5", "150 (LOW)", "about 150"])
    def test_other_texts_are_failures(self, text: str) -> None:
        report = long_report(f"b12 | {text} | pmol/L")
        assert report.failures["rule"].tolist() == ["type"]

    def test_a_limit_sign_needs_declared_limits(self) -> None:
        report = report_of({"name": "labs", "fields": [{"name": "age", "type": "number"}]}, {"age": ["<18", "40"]})
        assert "1 with a limit sign, but the dictionary gives no detectionLimits" in report.failures["got"].item()


def people(n: int, middle: float, spread: float, seed: int) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).normal(math.log(middle), spread, n))


class TestMixturesWithoutUnits:
    def test_mma_in_two_units_is_named(self) -> None:
        mma = people(400, 180, 0.5, 1)
        mma[::8] /= 1000  # 50 rows in umol/L
        report = report_of(WIDE, {"b12": [300.0] * 400, "mma": mma, "lab": ["A"] * 400})
        found = report.failures[report.failures["rule"] == "unit mixture"]
        assert found[["column", "n_rows"]].values.tolist() == [["mma", 50]]
        assert "as if in umol/L" in found["got"].item() and report.n_valid["labs"] == 350

    def test_b12_in_two_units_cannot_be_seen_inside_one_laboratory_and_that_is_said(self) -> None:
        b12 = people(400, 300, 0.4, 2)
        b12[::2] *= 1.3554
        report = report_of(WIDE, {"b12": b12, "mma": people(400, 180, 0.5, 3), "lab": ["A"] * 400})
        said = report.notes[(report.notes["column"] == "b12") & (report.notes["kind"] == "not checked")]
        assert report.ok and "cannot be seen in single values" in said["note"].item()

    def test_b12_of_one_laboratory_in_another_unit_is_suspected(self) -> None:
        b12, lab = people(3000, 300, 0.4, 4), np.repeat(["A", "B", "C"], 1000)
        b12[lab == "B"] *= 1.3554
        report = report_of(WIDE, {"b12": b12, "mma": people(3000, 180, 0.5, 5), "lab": lab})
        suspected = report.notes[report.notes["kind"] == "suspected unit"]
        assert len(suspected) == 1 and "in lab 'B' (1,000 results)" in suspected["note"].item()

    def test_an_assay_that_reads_15_percent_higher_is_not_suspected(self) -> None:
        b12, lab = people(3000, 300, 0.4, 4), np.repeat(["A", "B", "C"], 1000)
        b12[lab == "B"] *= 1.15
        report = report_of(WIDE, {"b12": b12, "mma": people(3000, 180, 0.5, 5), "lab": lab})
        assert "suspected unit" not in set(report.notes["kind"])

    def test_rows_with_a_wrong_unit_label_are_suspected(self) -> None:
        # all values are pmol/L, but half the rows say pg/mL: after conversion they lie a factor 1.36 too low
        n = 2000
        rows = {"analyte": ["b12"] * n, "result": people(n, 300, 0.4, 6), "unit": np.where(np.arange(n) % 2, "pg/mL", "pmol/L")}
        report = report_of(LONG, rows)
        assert "rows with the unit 'pg/mL'" in " ".join(report.notes.loc[report.notes["kind"] == "suspected unit", "note"])
