"""The museum of bad input, through the public door: what other tools take silently is refused or counted here."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.studies import PROJECT

import cobalamin as cb
from cobalamin.core import errors

DICTIONARY = PROJECT / "data_dictionary" / "ls_cohort"


def people(n: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    x = rng.normal(size=n)
    years = rng.exponential(8 * np.exp(-0.3 * x))
    return pd.DataFrame(
        {
            "x": x,
            "z": rng.normal(size=n),
            "group": rng.choice(["a", "b"], n),
            "years": np.minimum(years, 10) + 0.01,
            "entry": 0.0,
            "died": (years < 10).astype(int),
        }
    )


def fit(data: pd.DataFrame, formula: str = "x", **options: object) -> cb.Fit:
    return cb.cox(formula, data, exit="years", event="died", **options)  # type: ignore[arg-type]


def check(persons: pd.DataFrame | None = None, labs: pd.DataFrame | None = None) -> cb.FailureReport:
    source = cb.SimulatedSource(persons=300, seed=2)
    tables = {name: source.read(name) for name in source.tables}
    tables["persons"] = tables["persons"] if persons is None else persons
    tables["lab_results"] = tables["lab_results"] if labs is None else labs
    return cb.check(cb.MemorySource(tables), cb.load_dictionary(DICTIONARY))


def simulated(table: str) -> pd.DataFrame:
    return cb.SimulatedSource(persons=300, seed=2).read(table)


class TestModels:
    def test_event_coded_1_2(self) -> None:
        with pytest.raises(errors.EventCodeError, match="2 = event"):
            fit(people().assign(died=lambda d: d["died"] + 1))

    def test_event_missing(self) -> None:
        with pytest.raises(errors.MissingValuesError, match="died: 5 of 300"):
            fit(people().assign(died=lambda d: d["died"].astype(float).where(d.index >= 5)))

    def test_exit_at_or_before_entry(self) -> None:
        data = people()
        data.loc[:6, "entry"] = data.loc[:6, "years"]
        data.loc[7, "entry"] = 99.0
        with pytest.raises(errors.FollowUpError, match="8 of 300"):
            fit(data, entry="entry")

    def test_negative_time(self) -> None:
        with pytest.raises(errors.FollowUpError, match="5 of 300"):
            fit(people().assign(years=lambda d: d["years"].where(d.index >= 5, -1.0)))

    def test_exposure_all_missing(self) -> None:
        with pytest.raises(ValueError, match="x"):
            fit(people().assign(x=np.nan))

    def test_one_level_factor(self) -> None:
        with pytest.raises(ValueError, match="group"):
            fit(people().assign(group="a"), "x + group")

    def test_sixty_of_300_missing_are_counted_or_refused(self) -> None:
        data = people().assign(x=lambda d: d["x"].where(d.index >= 60))
        with pytest.warns(errors.MissingRowsWarning, match=r"60 of 300 .*x \(60\)"):
            assert fit(data).glance().loc[0, ["n", "n_missing"]].tolist() == [240, 60]
        with pytest.raises(errors.MissingValuesError, match="60"):
            fit(data, missing="error")

    def test_collinear_columns_are_named(self) -> None:
        with pytest.warns(errors.FitWarning, match="w.*x"):
            found = fit(people().assign(w=lambda d: 2 * d["x"]), "x + w")
        assert np.isnan(found.tidy().set_index("term").loc["w", "estimate"])

    def test_an_infinite_coefficient_is_said_to_be_infinite(self) -> None:
        data = people().assign(never=lambda d: ((d["died"] == 0) & (d["x"] > 0)).astype(int))
        with pytest.warns(errors.FitWarning, match="never"):
            assert np.isneginf(fit(data, "never").tidy().loc[0, "estimate"])

    def test_few_events_per_parameter_stand_on_the_result(self) -> None:
        data = people().assign(died=lambda d: d["died"].where(d["died"].cumsum() <= 8, 0))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", errors.CobalaminWarning)
            assert any("events per parameter" in text for text in fit(data, "x + z").warnings)

    def test_unknown_column(self) -> None:
        with pytest.raises(errors.ColumnNotFoundError, match="Did you mean 'group'"):
            fit(people(), "x + gruop")

    @pytest.mark.parametrize(
        "formula",
        [
            "{__import__('os').system('true')}",
            "__import__('os')",
            "x.__class__",
            "x[0]",
            "(lambda: 1)()",
            "(a+b+c)**40",
            "bs(x, df=1000000000)",
            "x" + "+x" * 5000,
        ],
    )
    def test_a_formula_that_tries_to_run_code(self, formula: str) -> None:
        with pytest.raises((errors.FormulaError, errors.ColumnNotFoundError)):
            fit(people(), formula)

    def test_logistic_outcome_coded_1_2(self) -> None:
        with pytest.raises(errors.EventCodeError, match=r"0.*1"):
            cb.logistic("died ~ x", people().assign(died=lambda d: d["died"] + 1))


class TestTables:
    def test_sentinel_99999_in_b12(self) -> None:
        labs = simulated("lab_results")
        rows = labs.index[labs["analyte"] == "b12"][:7]
        labs["result"] = labs["result"].astype(object)
        labs.loc[rows, "result"] = "99999"
        report = check(labs=labs)
        found = report.failures.loc[report.failures["column"] == "result"]
        assert found["n_rows"].sum() >= 7
        assert not (report.valid["lab_results"]["result"] > 50_000).any()

    def test_pg_ml_and_pmol_l_in_one_column_come_out_in_one_unit(self) -> None:
        labs = simulated("lab_results")
        b12 = labs["analyte"] == "b12"
        assert labs.loc[b12, "unit"].nunique() > 1
        report = check(labs=labs)
        valid = report.valid["lab_results"].query("analyte == 'b12'")
        assert set(valid["unit"]) == {"pmol/L"}
        assert report.notes["note"].str.contains("pmol/L").any(), "a conversion is said"

    def test_results_beyond_the_limits_are_censored_values(self) -> None:
        labs = simulated("lab_results")
        rows = labs.index[(labs["analyte"] == "b12") & (labs["unit"] == "pg/mL")][:2]
        labs["result"] = labs["result"].astype(object)
        labs.loc[rows[0], "result"], labs.loc[rows[1], "result"] = "<150", ">2000"
        valid = check(labs=labs).valid["lab_results"].loc[rows]
        assert valid["result_censored"].tolist() == ["left", "right"]
        np.testing.assert_allclose(valid["result"], [150 * 0.7378, 2000 * 0.7378], rtol=1e-4)

    def test_an_unknown_unit(self) -> None:
        labs = simulated("lab_results")
        labs.loc[labs.index[:3], "unit"] = "furlong"
        failures = check(labs=labs).failures
        assert failures.loc[failures["column"].isin(["unit", "result"]), "n_rows"].max() >= 3

    def test_duplicated_person_ids(self) -> None:
        persons = simulated("persons")
        persons.loc[1, "person_id"] = persons.loc[0, "person_id"]
        failures = check(persons=persons).failures
        assert failures.loc[failures["column"].str.contains("person_id"), "n_rows"].max() == 2

    def test_an_empty_table(self) -> None:
        report = check(persons=simulated("persons").iloc[:0])
        assert not report.ok
        assert "empty" in report.to_text()

    @pytest.mark.parametrize("value", ["anna{}@example.org", "19121212-{:04d}"])
    def test_direct_identifiers_stop_the_load(self, value: str) -> None:
        persons = simulated("persons")
        rows = range(len(persons))
        if "@" in value:
            persons["region"] = [value.format(i) for i in rows]
        else:
            persons["region"] = "19121212-1212"  # the authority's published example number
        with pytest.raises(errors.IdentifierError) as caught:
            check(persons=persons)
        assert "example.org" not in str(caught.value)
        assert "1212" not in str(caught.value)


class TestFiles:
    def test_a_dictionary_that_names_a_missing_file(self, tmp_path: Path) -> None:
        text = "name: t\nfields:\n  - {name: code, type: string, role: code, codeLists: [nowhere]}\n"
        (tmp_path / "t.yaml").write_text(text, encoding="utf-8")
        with pytest.raises((errors.DictionaryError, errors.SourceError), match="nowhere"):
            cb.load_dictionary(tmp_path)

    def test_a_property_at_the_wrong_place_is_told_from_a_misspelt_one(self, tmp_path: Path) -> None:
        (tmp_path / "t.yaml").write_text("name: t\ncodeLists: [x]\nfields:\n  - {name: code, type: string}\n", encoding="utf-8")
        with pytest.raises(errors.DictionaryError, match="does not belong here"):
            cb.load_dictionary(tmp_path)

    def test_a_corrupt_parquet_file(self, tmp_path: Path) -> None:
        (tmp_path / "persons.parquet").write_bytes(b"PAR1 this is not parquet PAR1")
        with pytest.raises(errors.SourceError, match=r"persons\.parquet"):
            cb.open_source(tmp_path).read("persons")


class TestFoundByReview:
    """What a hostile reader of the first version found."""

    def test_a_limit_that_cannot_be_is_a_failure(self) -> None:
        labs = simulated("lab_results")
        rows = labs.index[(labs["analyte"] == "b12") & (labs["unit"] == "pg/mL")][:2]
        labs["result"] = labs["result"].astype(object)
        labs.loc[rows[0], "result"], labs.loc[rows[1], "result"] = "<-150", ">99999999"
        report = check(labs=labs)
        assert report.failures.loc[report.failures["column"] == "result", "n_rows"].sum() == 2
        assert len(report.valid["lab_results"]) == len(labs) - 2

    @pytest.mark.parametrize(("text", "bad"), [("2010-01-31 garbage", 1), ("2010-01-31T", 1), ("2010-01-31T23:30:00", 0)])
    def test_text_after_a_date_is_no_date(self, text: str, bad: int) -> None:
        persons = simulated("persons")
        persons["registration_date"] = persons["registration_date"].astype(str).str[:10]
        persons.loc[0, "registration_date"] = text
        failures = check(persons=persons).failures
        assert failures.loc[failures["column"] == "registration_date", "n_rows"].sum() == bad

    def test_event_values_that_are_no_codes_are_not_shown(self) -> None:
        with pytest.raises(errors.EventCodeError) as caught:
            fit(people().assign(died=lambda d: d["x"] * 1000))
        assert "300 different numbers" in str(caught.value)
        assert not any(f"{v * 1000:g}"[:6] in str(caught.value) for v in people()["x"].head(20))
