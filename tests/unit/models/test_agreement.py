"""Agreement between raters: both shapes of the data, what is refused, and the edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cobalamin.core.errors import ColumnNotFoundError, DataError, DesignError, MissingRowsWarning, MissingValuesError
from cobalamin.models.repeated.agreement import icc, mean_squares
from cobalamin.models.repeated.agreement_kappa import weighted_kappa
from cobalamin.models.repeated.agreement_limits import limits_of_agreement

JUDGES = pd.DataFrame({"a": [9, 6, 8, 7, 10, 6], "b": [2, 1, 4, 1, 5, 2], "c": [5, 3, 6, 2, 6, 4], "d": [8, 2, 8, 6, 9, 7]})
FOUR = list("abcd")


def by_rows(data: pd.DataFrame) -> pd.DataFrame:
    return data.rename_axis("who").reset_index().melt("who", var_name="judge", value_name="score").sample(frac=1, random_state=1)


class TestReading:
    def test_rows_and_columns_give_the_same(self) -> None:
        wide = icc(JUDGES, ratings=FOUR).frame
        long = icc(by_rows(JUDGES), value="score", subject="who", rater="judge").frame
        assert_allclose(wide["estimate"], long["estimate"], rtol=1e-12)

    def test_without_raters_there_is_only_the_first_form(self) -> None:
        long = by_rows(JUDGES)
        assert icc(long, value="score", subject="who").frame["term"].tolist() == ["ICC(1,1)", "ICC(1,k)"]
        with pytest.raises(DataError, match="kind"):
            icc(long, value="score", subject="who", kind="ICC(2,1)")

    def test_subjects_without_a_rating_are_left_out_and_counted(self) -> None:
        holes = JUDGES.astype(float)
        holes.loc[1, "c"] = np.nan
        with pytest.warns(MissingRowsWarning, match="1 of 6 subjects"):
            found = icc(holes, ratings=FOUR)
        assert (found.n, found.n_missing) == (5, 1)
        with pytest.warns(MissingRowsWarning, match="1 of 6 subjects"):
            long = icc(by_rows(JUDGES).query("not (who == 1 and judge == 'c')"), value="score", subject="who", rater="judge")
        assert_allclose(long.frame["estimate"], found.frame["estimate"], rtol=1e-12)
        with pytest.raises(MissingValuesError):
            icc(holes, ratings=FOUR, missing="error")

    @pytest.mark.parametrize(
        ("error", "match", "options"),
        [
            (DesignError, "give either", {}),
            (DesignError, "give either", {"value": "a"}),
            (DesignError, "give either", {"ratings": FOUR, "rater": "a"}),
            (DesignError, "expected a list", {"ratings": "abcd"}),
            (DesignError, "1 rater", {"ratings": ["a"]}),
            (DesignError, "named twice", {"ratings": ["a", "a"]}),
            (ColumnNotFoundError, "'e'", {"ratings": ["a", "e"]}),
            (DesignError, "rated already", {"value": "a", "subject": "b", "rater": "b"}),
            (DataError, "drop", {"ratings": FOUR, "missing": "ignore"}),
            (DataError, "level", {"ratings": FOUR, "level": 95}),
            (DataError, "kind", {"ratings": FOUR, "kind": "ICC(4,1)"}),
            (DataError, "kind", {"ratings": FOUR, "kind": "ICC(2,3)"}),
        ],
    )
    def test_refusals(self, error: type[Exception], match: str, options: dict[str, Any]) -> None:
        with pytest.raises(error, match=match):
            icc(JUDGES, **options)

    def test_text_few_and_infinite_ratings_are_refused(self) -> None:
        with pytest.raises(DataError, match="expected numbers"):
            icc(JUDGES.astype(str), ratings=FOUR)
        with pytest.raises(DataError, match="2 subjects"):
            icc(JUDGES.head(2), ratings=FOUR)
        with pytest.raises(DataError, match="infinite"):
            icc(JUDGES.assign(a=np.inf), ratings=FOUR)
        with pytest.raises(DataError, match="all ratings are the same"):
            icc(JUDGES * 0, ratings=FOUR)


class TestIcc:
    def test_the_number_of_raters_may_stand_for_k(self) -> None:
        one, other = (icc(JUDGES, ratings=FOUR, kind=k).frame for k in ("ICC(2,4)", "ICC(2, k)"))
        assert one["term"].tolist() == other["term"].tolist() == ["ICC(2,k)"]

    def test_perfect_agreement_and_constant_raters(self) -> None:
        same = pd.DataFrame(dict.fromkeys("abc", JUDGES["a"]))
        frame = icc(same, ratings=list("abc")).frame
        assert_allclose(frame[["estimate", "conf_low", "conf_high"]], 1)
        shifted = icc(same.assign(b=same["b"] + 3), ratings=list("abc")).frame.set_index("term")
        assert_allclose(shifted.loc["ICC(3,1)", "estimate"], 1)
        assert 0 < shifted.loc["ICC(2,1)", "conf_low"] < shifted.loc["ICC(2,1)", "estimate"] < shifted.loc["ICC(2,1)", "conf_high"] <= 1

    def test_subjects_that_do_not_differ_have_a_negative_estimate(self) -> None:
        data = pd.DataFrame({"a": [1.0, 3, 2, 4], "b": [4.0, 2, 3, 1]})
        frame = icc(data, ratings=["a", "b"]).frame.set_index("term")
        assert_allclose(frame.loc["ICC(1,1)", "estimate"], -1)
        assert frame.loc["ICC(3,1)", "p_value"] == 1

    def test_two_by_hand(self) -> None:
        squares = mean_squares(np.array([[1.0, 2.0], [3.0, 5.0], [6.0, 6.0]]))
        assert_allclose([squares.subjects, squares.raters, squares.error, squares.within], [10.1666666667, 1.5, 0.5, 0.8333333333])

    def test_as_estimates(self) -> None:
        found = icc(JUDGES, ratings=FOUR)
        frame = found.estimates(outcome="score").frame
        assert frame["context"].unique().tolist() == ["summary"]
        assert frame["measure"].unique().tolist() == ["intraclass correlation"]
        assert_allclose(frame["low"], found.frame["conf_low"])
        assert frame["n"].tolist() == [6.0] * 6
        assert "6 subjects, 4 raters" in repr(found)
        assert "ICC(2,1)" in found._repr_html_()


class TestKappa:
    LEVELS = pd.CategoricalDtype(["none", "mild", "severe"], ordered=True)

    def test_published_example_of_fleiss_cohen_and_everitt(self) -> None:
        # Fleiss, Cohen and Everitt 1969, table 1: n = 200
        shares = np.array([[0.53, 0.05, 0.02], [0.11, 0.14, 0.05], [0.01, 0.06, 0.03]])
        counts = (shares * 200).round().astype(int)
        rows = [(i, j) for i in range(3) for j in range(3) for _ in range(counts[i, j])]
        row = weighted_kappa(pd.DataFrame(rows, columns=["x", "y"]), ratings=["x", "y"], weights="none").frame.iloc[0]
        assert round(row["estimate"], 3) == 0.429
        assert round(row["std_error"] ** 2, 6) == 0.002885

    def test_declared_levels_count_though_nobody_uses_them(self) -> None:
        data = pd.DataFrame({"a": list("xzxz") * 5, "b": list("xzzz") * 5})
        two, three = (
            weighted_kappa(data.astype(pd.CategoricalDtype(levels, ordered=True)), ratings=["a", "b"], weights="linear").frame["estimate"][
                0
            ]
            for levels in (["x", "z"], ["x", "y", "z"])
        )
        assert_allclose(two, three)  # the only two levels in use are the ends of both scales
        wide = data.astype(pd.CategoricalDtype(["x", "z", "worse"], ordered=True))
        assert (
            weighted_kappa(wide, ratings=["a", "b"]).frame["observed"][0]
            > weighted_kappa(data.replace({"x": "0", "z": "1"}).astype(int), ratings=["a", "b"]).frame["observed"][0]
        )

    def test_numbers_are_as_far_apart_as_they_are(self) -> None:
        data = pd.DataFrame({"a": [0, 1, 10, 0, 1, 10], "b": [0, 1, 10, 1, 0, 10]})
        near = weighted_kappa(data, ratings=["a", "b"]).frame["estimate"][0]
        ranks = weighted_kappa(data.replace(10, 2), ratings=["a", "b"]).frame["estimate"][0]
        assert near > ranks

    def test_refusals(self) -> None:
        text = pd.DataFrame({"a": list("xyxy"), "b": list("xxyy")})
        with pytest.raises(DataError, match="expected numbers or an ordered Categorical"):
            weighted_kappa(text, ratings=["a", "b"])
        assert weighted_kappa(text, ratings=["a", "b"], weights="none").frame["estimate"][0] == 0
        with pytest.raises(DataError, match="different levels"):
            weighted_kappa(
                text.astype({"a": pd.CategoricalDtype(["x", "y"], True), "b": pd.CategoricalDtype(["y", "x"], True)}), ratings=["a", "b"]
            )
        with pytest.raises(DataError, match="without order"):
            weighted_kappa(text.astype("category"), ratings=["a", "b"])
        with pytest.raises(DesignError, match="2 raters; got 4"):
            weighted_kappa(JUDGES, ratings=FOUR)
        with pytest.raises(DataError, match="same rating"):
            weighted_kappa(JUDGES * 0, ratings=["a", "b"])
        with pytest.raises(DataError, match="weights"):
            weighted_kappa(JUDGES, ratings=["a", "b"], weights="cubic")  # type: ignore[arg-type]


class TestLimits:
    def test_ratios(self) -> None:
        data = pd.DataFrame({"old": [100.0, 210, 330, 400], "new": [110.0, 200, 300, 420]})
        plain = limits_of_agreement(np.log(data), ratings=["old", "new"]).frame
        ratio = limits_of_agreement(data, ratings=["old", "new"], log=True).frame
        assert_allclose(ratio["estimate"].head(3), np.exp(plain["estimate"].head(3)))
        assert_allclose(ratio["estimate"][3], plain["estimate"][3])
        assert ratio["term"].unique().tolist() == ["ratio"]

    def test_refusals(self) -> None:
        with pytest.raises(DesignError, match="2 methods; got 4"):
            limits_of_agreement(JUDGES, ratings=FOUR)
        with pytest.raises(DataError, match="above 0; 1 of 6"):
            limits_of_agreement(JUDGES.assign(a=[0, 1, 2, 3, 4, 5]), ratings=["a", "b"], log=True)

    def test_equal_methods(self) -> None:
        frame = limits_of_agreement(JUDGES.assign(b=JUDGES["a"]), ratings=["a", "b"]).frame
        assert (frame["estimate"] == 0).all()
        assert frame["p_value"].isna().all()


@pytest.mark.slow
def test_coverage() -> None:
    rng, times, hits = np.random.default_rng(23), 1000, np.zeros(5)
    for _ in range(times):
        truth = rng.normal(size=40)[:, None] * np.sqrt(2)
        data = pd.DataFrame(truth + rng.normal(size=3) * np.sqrt(0.5) + rng.normal(size=(40, 3)), columns=list("abc"))
        rows = icc(data, ratings=list("abc")).frame.set_index("term")
        three, two = rows.loc["ICC(3,1)"], rows.loc["ICC(2,1)"]
        one_way = pd.DataFrame(truth + rng.normal(size=(40, 3)), columns=list("abc"))
        first = icc(one_way, ratings=list("abc"), kind="ICC(1,1)").frame.iloc[0]
        limits = limits_of_agreement(one_way, ratings=["a", "b"]).frame.set_index("measure")
        upper = limits.loc["upper limit of agreement"]
        truths = [(three, 2 / 3), (two, 2 / 3.5), (first, 2 / 3), (limits.loc["bias"], 0), (upper, 1.959964 * np.sqrt(2))]
        hits += [row["conf_low"] <= value <= row["conf_high"] for row, value in truths]
    shares = hits / times
    assert (shares[[0, 2, 3, 4]] >= 0.935).all()
    assert (shares[[0, 2, 3, 4]] <= 0.965).all()
    # with three raters Satterthwaite's degrees of freedom are a rough guess
    assert 0.92 <= shares[1] <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["linear", "quadratic", "none"])
def test_coverage_of_kappa(weights: Any) -> None:
    rng = np.random.default_rng(24)

    def rated(n: int) -> pd.DataFrame:
        truth = rng.normal(size=n)
        return pd.DataFrame({name: np.digitize(truth + rng.normal(size=n), [-1, 0, 1]) for name in "ab"})

    aim = weighted_kappa(rated(2_000_000), ratings=["a", "b"], weights=weights).frame["estimate"][0]
    rows = [weighted_kappa(rated(200), ratings=["a", "b"], weights=weights).frame.iloc[0] for _ in range(1000)]
    assert 0.935 <= np.mean([row["conf_low"] <= aim <= row["conf_high"] for row in rows]) <= 0.965


def test_agreement_of_raters_with_hardly_any_degree_of_freedom() -> None:
    # found by hypothesis: the quantile of F overflowed
    data = pd.DataFrame([(0, 0, 3), (0, 0, 4), (0, 0, 4), (0, 3, 0)], columns=list("abc"), dtype=float) * 6.0
    found = icc(data, ratings=list("bca"))
    assert np.isfinite(found.frame["estimate"]).all()
    assert (found.frame["conf_low"] <= found.frame["estimate"] + 1e-12).all()
