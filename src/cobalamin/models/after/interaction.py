"""Interaction of two exposures on the additive and the multiplicative scale."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, FitWarning
from cobalamin.core.estimates import Estimates
from cobalamin.models.after.bootstrap import bootstrap
from cobalamin.models.after.joint_effects import JointEffects, joint_effects
from cobalamin.models.fit import Fit

Floats = npt.NDArray[np.float64]
SINGLE = ("RR10", "RR01", "RR11")
ADDITIVE = ("RERI", "AP", "S")
COLUMNS = ["measure", "a", "b", "reference_a", "reference_b", "estimate", "std_error", "conf_low", "conf_high", "p_value"]


def interaction(
    fit: Fit,
    a: str,
    b: str,
    *,
    a_values: Sequence[float] | None = None,
    b_values: Sequence[float] | None = None,
    recode: bool = False,
    refit: Callable[[pd.DataFrame], Fit] | None = None,
    data: pd.DataFrame | None = None,
    replicates: int = 1000,
    seed: int | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Measure how far the joint effect of two exposures is from the sum and from the product of their effects.

    Parameters
    ----------
    fit : Fit
        Of ratios (Cox, logistic, Poisson, ...), with ``a * b`` in its formula.
    a, b : str
        The two exposures as written in the formula; 0/1 numbers or factors (each level against the reference).
    a_values, b_values : sequence of two floats, optional
        Reference and index value of a numeric exposure; (0, 1) by default.
    recode : bool
        Compare with the joint exposure of lowest risk instead of the reference levels, as is needed when an exposure is preventive
        (then RERI and AP have no meaning as written).
    refit : callable, optional
        Data frame -> fit. With it the limits are percentiles of a bootstrap that draws rows of ``data``.
    data : DataFrame, optional
        For ``refit``.
    replicates, seed : int
        Of the bootstrap.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Rows per pair of levels: ``RR10``, ``RR01``, ``RR11`` (the ratio of a alone, b alone, both), ``multiplicative`` (their ratio of
        ratios), ``RERI`` (relative excess risk due to interaction), ``AP`` (attributable proportion), ``S`` (synergy index). Columns
        measure, a, b, reference_a, reference_b, estimate, std_error (of the logarithm for RR, multiplicative and S), conf_low, conf_high,
        p_value. ``S`` is missing where an excess is not positive.

    Raises
    ------
    DataError
        A model without ratios or without the product, or ``refit`` without ``data`` and ``seed``.

    Warns
    -----
    FitWarning
        An exposure lowers the risk and ``recode`` is False.

    Notes
    -----
    ``RERI = RR11 - RR10 - RR01 + 1``, ``AP = RERI / RR11``, ``S = (RR11 - 1) / (RR10 + RR01 - 2)``; delta method, S on its logarithm.
    Odds ratios stand for risk ratios only where the outcome is rare.

    References
    ----------
    Hosmer DW, Lemeshow S. Epidemiology 1992;3:452-456. doi:10.1097/00001648-199209000-00012
    Knol MJ, VanderWeele TJ, Groenwold RHH, et al. Eur J Epidemiol 2011;26:433-438. doi:10.1007/s10654-011-9554-9

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": [5, 8, 2, 4, 9, 7, 1, 3, 6, 10, 12, 11], "d": 1, "x": [0, 1] * 6, "z": [0, 0, 1, 1] * 3})
    >>> interaction(cox("x * z", people, exit="t", event="d"), "x", "z", recode=True)["measure"].tolist()
    ['RR10', 'RR01', 'RR11', 'multiplicative', 'RERI', 'AP', 'S']
    """
    if not fit.family.ratio:
        raise DataError(
            f"{fit.family.title} has no ratios: on the scale of differences the coefficient of the product is the additive interaction."
        )
    pairs = joint_effects(fit, a, b, a_values, b_values)
    found = interaction_measures(fit, pairs, (a, b), recode=recode, level=level)
    if refit is None:
        return found
    if data is None or seed is None:
        raise DataError("interaction: a bootstrap needs refit=, data= and seed= together.")

    def statistic(rows: pd.DataFrame) -> Floats:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FitWarning)
            again = interaction(refit(rows), a, b, a_values=a_values, b_values=b_values, recode=recode, level=level)
        return again["estimate"].to_numpy()

    drawn = bootstrap(statistic, data, replicates=replicates, seed=seed)
    low, high = drawn.limits(level)
    return found.assign(conf_low=low, conf_high=high, p_value=np.nan)


def interaction_measures(fit: Fit, pairs: Sequence[JointEffects], names: tuple[str, str], *, recode: bool, level: float) -> pd.DataFrame:
    """Measure interaction from joint effects that were read from a fit, with at most one warning.

    Parameters
    ----------
    fit : Fit
        Of ratios.
    pairs : sequence of JointEffects
        With finite effects.
    names : tuple of str
        The two exposures.
    recode, level
        As in `interaction`.

    Returns
    -------
    DataFrame
        As `interaction`.

    Warns
    -----
    FitWarning
        An exposure lowers the risk and ``recode`` is False.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = pd.concat([_measures(_read(fit, pair, recode), names, level) for pair in pairs], ignore_index=True)
    if caught:
        warnings.warn(str(caught[0].message), FitWarning, stacklevel=4)
    return found


@dataclass(frozen=True, eq=False)
class _Read:
    """Log effects (a alone, b alone, both), their covariance, and what they are compared with."""

    log: Floats
    covariance: Floats
    levels: tuple[str, str]
    references: tuple[str, str]


def _read(fit: Fit, pair: JointEffects, recode: bool) -> _Read:
    log, covariance = pair.log_effects(fit.coefficients), pair.covariance(fit.covariance)
    if not np.isfinite(log).all():
        raise DataError(
            "interaction: a coefficient of the two exposures or their product is infinite or an alias, so a joint group has no events or"
            " no people. Fit with penalty='firth', or merge levels."
        )
    if not recode:
        return _Read(log, covariance, pair.levels, pair.references)
    four = np.append(0.0, log)  # neither, a, b, both
    lowest = int(np.argmin(four))
    swap = (bool(lowest & 1), bool(lowest & 2))  # which of the exposures turns round
    order = [lowest ^ 1, lowest ^ 2, lowest ^ 3]
    change = np.zeros((3, 4))
    change[np.arange(3), order] = 1.0
    change[:, lowest] -= 1.0
    levels = (pair.references[0] if swap[0] else pair.levels[0], pair.references[1] if swap[1] else pair.levels[1])
    references = (pair.levels[0] if swap[0] else pair.references[0], pair.levels[1] if swap[1] else pair.references[1])
    inner = change[:, 1:]
    return _Read(inner @ log, inner @ covariance @ inner.T, levels, references)


def _measures(read: _Read, names: tuple[str, str], level: float) -> pd.DataFrame:
    ratio = np.exp(read.log)
    if (read.log[:2] < 0).any():
        which = names[int(read.log[1] < read.log[0])]
        warnings.warn(
            f"'{which}' lowers the risk, so RERI, AP and S compare with a reference that is not the lowest risk: pass recode=True.",
            FitWarning,
            stacklevel=2,
        )
    alone = np.eye(3)
    rows = [(name, read.log[k], alone[k], True) for k, name in enumerate(SINGLE)]
    product = np.array([-1.0, -1.0, 1.0])
    rows += [("multiplicative", float(product @ read.log), product, True), *_additive(ratio)]
    keys = {"a": read.levels[0], "b": read.levels[1], "reference_a": read.references[0], "reference_b": read.references[1]}
    made = [{"measure": name, **keys, **_row(value, gradient, read.covariance, logged, level)} for name, value, gradient, logged in rows]
    return pd.DataFrame(made)[COLUMNS]


def _additive(ratio: Floats) -> list[tuple[str, float, Floats, bool]]:
    """Return RERI, AP and log S with their gradients in the log effects."""
    one, two, both = ratio
    reri = both - one - two + 1
    ap = (one * np.array([-1.0, 0, 0]) + two * np.array([0, -1.0, 0]) + (one + two - 1) * np.array([0, 0, 1.0])) / both
    rows: list[tuple[str, float, Floats, bool]] = [
        ("RERI", float(reri), ratio * np.array([-1.0, -1.0, 1.0]), False),
        ("AP", float(reri / both), ap, False),
    ]
    excess, apart = both - 1, one + two - 2
    if excess <= 0 or apart <= 0:
        return [*rows, ("S", np.nan, np.full(3, np.nan), True)]
    gradient = np.array([-one / apart, -two / apart, both / excess])
    return [*rows, ("S", float(np.log(excess / apart)), gradient, True)]


def _row(value: float, gradient: Floats, covariance: Floats, logged: bool, level: float) -> dict[str, float]:
    from scipy.special import ndtr, ndtri

    error = float(np.sqrt(gradient @ covariance @ gradient))
    limits = value + ndtri(0.5 + level / 2) * error * np.array([-1.0, 1.0])
    p = float(2 * ndtr(-abs(value / error))) if error > 0 else np.nan
    shown = np.exp([value, *limits]) if logged else np.array([value, *limits])
    return {"estimate": float(shown[0]), "std_error": error, "conf_low": float(shown[1]), "conf_high": float(shown[2]), "p_value": p}


def interaction_estimates(fit: Fit, a: str, b: str, *, analysis: str, model: str, outcome: str, **options: Any) -> Estimates:
    """Return `interaction` as rows of the one results table.

    Parameters
    ----------
    fit, a, b, **options
        As in `interaction`.
    analysis, model, outcome : str
        As in `Fit.estimates`.

    Returns
    -------
    Estimates
        ``context`` estimate; ``term`` = ``"a x b"``, ``level`` and ``reference`` the pairs of levels, ``measure`` as there.

    Examples
    --------
    >>> from cobalamin.models.cox.cox import cox
    >>> people = pd.DataFrame({"t": [5, 8, 2, 4, 9, 7, 1, 3, 6, 10, 12, 11], "d": 1, "x": [0, 1] * 6, "z": [0, 0, 1, 1] * 3})
    >>> fit = cox("x * z", people, exit="t", event="d")
    >>> interaction_estimates(fit, "x", "z", recode=True, analysis="secondary", model="m", outcome="LS").frame["level"].iloc[0]
    '1 x 0'
    """
    found = interaction(fit, a, b, **options)
    rows = [
        {
            "context": "estimate",
            "term": f"{a} x {b}",
            "level": f"{row.a} x {row.b}",
            "reference": f"{row.reference_a} x {row.reference_b}",
            "measure": row.measure,
            "value": row.estimate,
            "low": row.conf_low,
            "high": row.conf_high,
            "std_error": row.std_error,
            "p": row.p_value,
            "n": fit.n,
            "events": fit.events,
        }
        for row in found.itertuples()
    ]
    return Estimates.from_rows(rows, analysis=analysis, model=model, outcome=outcome)
