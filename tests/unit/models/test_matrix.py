"""The model matrix: names, references, missing rows, replay, and what a formula may not do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import (
    ColumnNotFoundError,
    DataError,
    FormulaError,
    MissingRowsWarning,
    MissingValuesError,
)
from cobalamin.models.matrix.formula import FUNCTIONS, parse_formula
from cobalamin.models.matrix.matrix import build_matrix
from cobalamin.models.matrix.transforms import formula_functions


@pytest.fixture
def data() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [50.0, 61, 47, 70, 33, 58, 49, 66],
            "b12": [150, 300, 280, 410, 90, 220, 350, 500],
            "smoking": pd.Categorical(
                ["never", "former", "current", "never", "never", "former", "current", "never"], ["never", "former", "current"]
            ),
            "sex": ["m", "f", "f", "m", "f", "f", "m", "m"],
            "metformin": [True, False, False, True, False, True, False, False],
            "serum B12": [1.0, 2, 3, 4, 5, 6, 7, 8],
            "lambda": [8.0, 7, 6, 5, 4, 3, 2, 1],
            "y": [0, 1, 0, 1, 1, 0, 1, 0],
        }
    )


@pytest.mark.parametrize(
    ("formula", "names"),
    [
        ("age + b12", ("age", "b12")),
        ("~ age", ("age",)),
        ("smoking", ("smoking[T.former]", "smoking[T.current]")),
        ("sex", ("sex[T.m]",)),
        ("metformin", ("metformin[T.True]",)),
        ("log2(b12) + age", ("log2(b12)", "age")),
        ("`serum B12`", ("serum B12",)),
        ("log(`lambda`)", ("log(`lambda`)",)),
        ("C(smoking, reference='former')", ("C(smoking, reference='former')[T.never]", "C(smoking, reference='former')[T.current]")),
        ("C(sex, Treatment('m'))", ("C(sex, Treatment('m'))[T.f]",)),
        ("C(y)", ("C(y)[T.1]",)),
        ("sex * age", ("sex[T.m]", "age", "sex[T.m]:age")),
        ("rcs(age, 3)", ("rcs(age, 3)[1]", "rcs(age, 3)[2]")),
        ("age + age", ("age",)),
        ("sex / age", ("sex[T.m]", "sex[f]:age", "sex[m]:age")),
    ],
)
def test_names(data, formula, names):
    matrix = build_matrix(formula, data)
    assert matrix.names == names
    assert matrix.X.shape == (8, len(names))
    assert_allclose(matrix.apply(data), matrix.X)


def test_values(data):
    matrix = build_matrix("log2(b12) + smoking + pmin(age, 60)", data)
    by_name = dict(zip(matrix.names, matrix.X.T, strict=True))
    assert_allclose(by_name["log2(b12)"], np.log2(data["b12"]))
    assert_allclose(by_name["smoking[T.former]"], data["smoking"] == "former")
    assert_allclose(by_name["pmin(age, 60)"], data["age"].clip(upper=60))


def test_plain_columns_equal_the_formula_engine(data):
    plain = build_matrix("age + smoking + metformin + sex", data)
    engine = build_matrix("age + smoking + metformin + (sex)", data)
    assert (plain.formula.simple, engine.formula.simple) == (True, False)
    assert plain.columns == engine.columns
    assert_allclose(plain.X, engine.X)
    assert build_matrix("y ~ age + smoking", data, response=True, intercept=True).columns[0].name == "Intercept"


def test_factors_know_their_reference(data):
    first, second = build_matrix("smoking + sex:age + C(sex, reference='m')", data).factors
    assert (first.variable, first.reference, first.levels, first.columns) == ("smoking", "never", ("never", "former", "current"), (0, 1))
    assert second.reference == "m"


def test_missing_rows_are_counted_once(data):
    data.loc[[1, 2], "age"] = np.nan
    data.loc[[2, 3], "b12"] = np.nan
    with pytest.warns(MissingRowsWarning, match=r"3 of 8 rows have missing values: age \(2\), b12 \(2\)") as caught:
        matrix = build_matrix("age + b12", data)
    assert len(caught) == 1
    assert (matrix.n_missing, dict(matrix.missing), matrix.kept.sum()) == (3, {"age": 2, "b12": 2}, 5)
    assert_allclose(matrix.X[:, 0], data["age"][matrix.kept])
    with pytest.raises(MissingValuesError, match=r"age \(2\), b12 \(2\)"):
        build_matrix("age + b12", data, missing="error")
    with pytest.raises(DataError, match="'drop' or 'error'"):
        build_matrix("age", data, missing="ignore")  # type: ignore[arg-type]


def test_extra_columns_count_as_missing_too(data):
    data["site"] = [1, np.nan, 2, 2, 1, 1, 2, 1]
    with pytest.warns(MissingRowsWarning, match="site"):
        assert build_matrix("age", data, extra=["site"]).n_missing == 1


def test_a_domain_is_not_missing(data):
    data.loc[0, "age"] = np.nan
    inside = np.array([True] * 4 + [False] * 4)
    with pytest.warns(MissingRowsWarning, match="1 of 4 rows"):
        assert build_matrix("age", data, inside=inside).kept.tolist() == [False, True, True, True, *[False] * 4]


def test_unused_levels_are_noted_and_a_missing_reference_refused(data):
    few = data[data["smoking"] != "current"]
    matrix = build_matrix("smoking", few)
    assert matrix.names == ("smoking[T.former]",)
    assert "current" in matrix.notes[0]
    with pytest.raises(DataError, match="reference level 'never' has no rows"):
        build_matrix("smoking", data[data["smoking"] != "never"])


@pytest.mark.parametrize(
    ("change", "formula", "error", "text"),
    [
        ({"age": np.nan}, "age", MissingValuesError, "age: all 8 values are missing"),
        ({"sex": "f"}, "sex", DataError, "sex: has one level only"),
        ({"sex": "f"}, "C(sex)", DataError, "has one level only"),
        ({"age": np.inf}, "age + b12", DataError, "age: 8 of 8 values are infinite"),
        ({"age": [0.0, 0, 1, 1, 1, 1, 1, 1]}, "log(age)", DataError, r"log\(age\): not finite in 2 of 8 rows"),
        ({"age": -1.0}, "sqrt(age)", DataError, "not a number"),
        ({"when": pd.Timestamp("2020-01-01")}, "when", DataError, "dates"),
        ({"mix": ["a", 1, 2, 3, 4, 5, 6, 7]}, "mix", DataError, "mixed types"),
        ({}, "agee", ColumnNotFoundError, "Did you mean 'age'"),
        ({}, "rcs(age, 4)", DataError, "rcs"),
        ({}, "rcs(age, 99)", FormulaError, "3 to 7"),
        ({}, "bs(age, df=1000000000)", FormulaError, "df between"),
        ({}, "ns(age, df=1000000000)", FormulaError, "1 to 15"),
        ({}, "rcs(sex, 3)", FormulaError, "numbers"),
        ({}, "C(smoking, reference='nevr')", FormulaError, "Did you mean 'never'"),
        ({}, "C(sex, reference='nevr')", FormulaError, r"one of the 2 levels in these rows\.$"),
        ({}, "y ~ age", FormulaError, "left side"),
        ({}, "age - 1", FormulaError, "no intercept"),
        ({"log": 1.0}, "log + log2(b12)", FormulaError, "name of a function"),
    ],
)
def test_bad_input(data, change, formula, error, text):
    changed = data.assign(**change)
    if formula == "rcs(age, 4)":
        changed["age"] = [1.0, 1, 1, 1, 1, 1, 1, 2]
    with pytest.raises(error, match=text):
        build_matrix(formula, changed)


@pytest.mark.parametrize(
    "formula",
    [
        "__import__('os').system('true')",
        "age + {__import__('os').getcwd()}",
        "{open('/etc/hosts').read()}",
        "age.__class__",
        "I(age.values.tofile('x'))",
        "(age + b12 + sex) ** 40",
        "(age + b12)^3",
        "age * b12 * sex * smoking * metformin",
        "age | sex",
        "np.log(age)",
        "Q('age')",
        "hashed(sex)",
        "lag(age)",
        "poly(age, 50)",
        "age + .",
        "age %in% sex",
        "age + 3",
        "y ~ age ~ sex",
        "age +",
        "log(age",
        "'age'",
        "exp(age ** 9999999)",
        "age[0]",
        "(lambda z: age)()",
        "a" * 5000,
        "",
        "~",
    ],
)
def test_a_formula_cannot_run_code_or_explode(data, formula):
    with pytest.raises((FormulaError, ColumnNotFoundError)):
        build_matrix(formula, data)


def test_many_terms_are_refused_before_they_are_multiplied_out():
    names = [f"x{i}" for i in range(40)]
    inner = "(" + " + ".join(names) + ")"
    with pytest.raises(FormulaError, match="terms after multiplying out"):
        parse_formula(f"{inner} * {inner} * {inner}", names)


def test_new_data_are_coded_alike(data):
    matrix = build_matrix("C(smoking, reference='former') + rcs(age, knots=[40, 50, 60]) + center(b12) + sex", data)
    assert_allclose(matrix.apply(data.iloc[:2].assign(smoking=["never", "former"])), matrix.X[:2])
    with pytest.raises(DataError, match="has not seen"):
        matrix.apply(data.iloc[:1].assign(sex="x"))
    with pytest.raises(DataError, match="expected numbers"):
        matrix.apply(data.iloc[:1].assign(age="old"))
    with pytest.raises(MissingValuesError, match=r"age \(1\)"):
        matrix.apply(data.iloc[:1].assign(age=np.nan))
    with pytest.raises(ColumnNotFoundError, match="no column 'age'"):
        matrix.apply(data.drop(columns="age"))
    with pytest.raises(DataError, match="has not seen"):
        build_matrix("C(y)", data).apply(data.iloc[:1].assign(y=7))


def test_response(data):
    assert build_matrix("y ~ age", data, response=True, intercept=True).names == ("Intercept", "age")
    assert_allclose(build_matrix("log(b12) ~ age", data, response=True).response, np.log(data["b12"]))
    by_text = build_matrix("sex ~ age", data, response=True)
    assert by_text.response_levels == ("f", "m")
    assert_allclose(by_text.response, data["sex"] == "m")
    with pytest.raises(FormulaError, match="no response"):
        build_matrix("age", data, response=True)


def test_nullable_types(data):
    typed = data.assign(
        age=data["age"].astype("Float64"),
        b12=data["b12"].astype("Int64"),
        sex=data["sex"].astype("string"),
        metformin=data["metformin"].astype("boolean"),
    )
    assert_allclose(build_matrix("age + b12 + sex + metformin", typed).X, build_matrix("age + b12 + sex + metformin", data).X)


def test_every_listed_function_exists():
    assert set(FUNCTIONS) == set(formula_functions())


def test_empty_table(data):
    with pytest.raises(DataError, match="no rows"):
        build_matrix("age", data.iloc[:0])
    with pytest.raises(DataError, match="DataFrame"):
        build_matrix("age", {"age": [1]})  # type: ignore[arg-type]
