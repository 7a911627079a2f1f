"""What a hostile statistician found wrong, one test per finding."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose

import cobalamin as cb

ROUNDING = 1e-12  # the same sums of a few dozen rows, in another order


def ages(noise: float) -> pd.DataFrame:
    """Entries and exits on a grid of 30 times, so that many enter when others die; ``noise`` is the error of their arithmetic."""
    i = np.arange(300)
    entry = (i * 7) % 20 * (i % 3 > 0)
    stop = entry + 1 + (i * 11) % 10
    return pd.DataFrame(
        {
            "entry": 60 + entry / 3 + noise * np.sin(i),
            "exit": 60 + stop / 3 + noise * np.cos(3 * i),
            "died": (i % 7 < 2).astype(int),
            "g": np.where(i % 60 < 30, "a", "b"),
        }
    )


def test_times_equal_up_to_rounding_are_ties_in_every_curve() -> None:
    times = [61.5, 63.2, 66.1]
    columns = {"entry": "entry", "exit": "exit", "event": "died", "by": "g"}
    for curve in (cb.survival_curve, cb.cumulative_hazard, cb.cumulative_incidence):
        clean, noisy = (curve(ages(noise), **columns) for noise in (0.0, 1e-11))
        assert len(clean.frame) == len(noisy.frame)
        for column in ("estimate", "std_error", "n_at_risk"):
            assert_allclose(noisy.at(times)[column], clean.at(times)[column], rtol=ROUNDING)
    clean, noisy = (cb.rmst(ages(noise), **columns, tau=66.0) for noise in (0.0, 1e-11))
    assert_allclose(noisy["estimate"], clean["estimate"], rtol=1e-10)  # the times themselves differ by 1e-11
