"""A curve of differences: null value 0, no logarithmic scale, signs in the words."""

from __future__ import annotations

import numpy as np
import pandas as pd
from unit.report.examples import onset_facts

import cobalamin as cb
from cobalamin.report.dose_response import exhibits_dose_response


def test_differences_are_drawn_about_0() -> None:
    rng = np.random.default_rng(1)
    people = pd.DataFrame({"b12": np.exp(rng.normal(5.7, 0.4, 500))})
    people["score"] = 20 - 3 * np.log2(people["b12"] / 300) + rng.normal(0, 5, 500)
    fit = cb.linear("score ~ rcs(b12, 4)", people)
    rows = cb.dose_response_estimates(fit, "b12", people, reference=221, model="m", outcome="score", unit="pmol/L")
    assert rows.frame.loc[rows.frame["at"] == 221, "value"].tolist() == [0.0]
    exhibit = exhibits_dose_response(rows, onset_facts())[0]
    assert exhibit.title.startswith("Mean difference")
    assert "logarithmic" not in exhibit.caption
    assert "\u2212" in exhibit.alt
    assert "log scale" not in exhibit.body.svg
