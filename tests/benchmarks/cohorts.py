"""Made-up tables of numbers: 10 covariates, about 5% events, times in whole days."""

from __future__ import annotations

import numpy as np
import pandas as pd


def covariates(n: int, p: int, rng: np.random.Generator) -> pd.DataFrame:
    """Normal covariates x0 ...; the first is 0/1."""
    x = rng.standard_normal((n, p))
    x[:, 0] = rng.integers(0, 2, n)
    return pd.DataFrame(np.asfortranarray(x), columns=[f"x{j}" for j in range(p)])


def cohort(n: int, p: int = 10, seed: int = 1) -> pd.DataFrame:
    """Make a cohort of n people, followed for up to 22 years from an age between 20 and 70; `kind` has a competing event."""
    rng = np.random.default_rng(seed)
    frame = covariates(n, p, rng)
    death = rng.exponential(1 / (1.3e-5 * np.exp(frame.to_numpy() @ np.linspace(-0.3, 0.3, p))))
    censored = rng.uniform(0, 8030, n)
    days = np.ceil(np.minimum(death, censored))
    entry = np.floor(rng.uniform(20, 70, n) * 365.25)
    event = (death <= censored) * 1.0
    kind = event * (1 + (rng.random(n) < 0.5))
    times = {"days": days, "event": event, "entry": entry, "exit": entry + days, "kind": kind}
    groups = {"group": rng.integers(0, max(n // 5, 2), n) * 1.0, "stratum": rng.integers(0, 1000, n) * 1.0}
    return frame.assign(**times, **groups)


def outcomes(n: int, p: int = 10, seed: int = 2) -> pd.DataFrame:
    """Make outcomes of association models: 0/1, counts, five ordered grades, and a measurement repeated within people."""
    rng = np.random.default_rng(seed)
    frame = covariates(n, p, rng)
    eta = frame.to_numpy() @ np.linspace(-0.3, 0.3, p)
    person = np.repeat(np.arange(-(-n // 5)), 5)[:n]
    grade = np.digitize(eta + rng.logistic(size=n), [-1.5, -0.5, 0.5, 1.5])
    score = eta + rng.standard_normal(person.max() + 1)[person] + rng.standard_normal(n)
    yes = (rng.random(n) < 1 / (1 + np.exp(3 - eta))) * 1.0
    return frame.assign(yes=yes, count=rng.poisson(np.exp(eta - 1)) * 1.0, grade=grade * 1.0, score=score, person=person * 1.0)
