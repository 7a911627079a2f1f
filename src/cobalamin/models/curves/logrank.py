"""Log-rank tests: do survival curves differ between groups? Weighted, stratified, with delayed entry, and for a trend."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError, FitWarning, MissingValuesError, list_names
from cobalamin.core.followup import FollowUp, follow_up
from cobalamin.models.cox.risk_sets import risk_sets
from cobalamin.models.curves.logrank_scores import Scores, logrank_scores
from cobalamin.models.grouping import MOST_GROUPS, Grouping, group_by, known_rows, require_rows, said
from cobalamin.models.matrix.rows import Missing

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Weights = Literal["logrank", "wilcoxon", "tarone-ware", "peto", "fleming-harrington"]
FAMILIES = ("logrank", "wilcoxon", "tarone-ware", "peto", "fleming-harrington")

# eigenvalue of the scaled variance below which a comparison is none
_RANK_TOLERANCE = 1e-9


def logrank(
    data: pd.DataFrame,
    *,
    exit: str,
    event: str,
    by: str | Sequence[str],
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    weights_family: Weights = "logrank",
    rho: float = 0.0,
    gamma: float = 0.0,
    trend: bool | Sequence[float] = False,
    missing: Missing = "drop",
) -> pd.DataFrame:
    """Test whether the hazard is the same in all groups.

    Parameters
    ----------
    data : DataFrame, n rows
        One row per person or, with ``entry``, per interval of a person.
    exit, event : str
        Columns of the end of follow-up and of the event (1) or censoring (0).
    by : str or sequence of str
        Grouping column(s).
    entry : str, optional
        Column of the start of follow-up (delayed entry): a row is at risk in ``(entry, exit]``.
    strata : str or sequence of str, optional
        Column(s) within whose values the groups are compared; scores and variances are added up.
    weights_family : {"logrank", "wilcoxon", "tarone-ware", "peto", "fleming-harrington"}
        Weight of each event time, see Notes.
    rho, gamma : float
        Powers of the Fleming-Harrington weight, not negative.
    trend : bool or sequence of float
        Test for a trend over the groups in their order, scored 1, 2, 3, ..., or with one score per group.
    missing : {"drop", "error"}
        Leave out rows whose group or stratum is missing and say how many, or refuse.

    Returns
    -------
    DataFrame
        One row: ``chi2, df, p_value``.

    Raises
    ------
    DataError
        Fewer than two groups, no events, no time at which two groups are at risk together, an unknown weight, unusable scores.
    EventCodeError, FollowUpError, MissingValuesError, ColumnNotFoundError
        Events, times or names that cannot be used.

    Warns
    -----
    MissingRowsWarning
        Rows left out because the group or stratum is missing.
    FitWarning
        A group is never at risk together with the others at an event, so that the test leaves it out.

    Notes
    -----
    With d events among n people at risk at time t, of whom n_g belong to group g, the score is ``U_g = sum W(t) (d_g - d n_g / n)``
    and its variance the hypergeometric ``sum W(t)^2 d (n - d) / (n - 1) (n_g / n) (1{g = h} - n_h / n)``; chi2 is ``U' V^- U`` with
    the rank of V as degrees of freedom, or ``(s'U)^2 / s'Vs`` for a trend. Weights W(t): ``logrank`` 1, ``wilcoxon`` n (Gehan,
    Breslow), ``tarone-ware`` sqrt(n), ``peto`` the product of 1 - d / (n + 1) up to and including t (Peto and Peto),
    ``fleming-harrington`` ``S(t-)^rho (1 - S(t-))^gamma`` with the Kaplan-Meier S of the stratum; R's ``survdiff(rho=)`` is the
    last one with gamma 0. Times equal up to 1.5e-8 are ties.

    References
    ----------
    Mantel N. Evaluation of survival data and two new rank order statistics. Cancer Chemother Rep 1966;50:163-170. Harrington DP,
    Fleming TR. A class of rank test procedures for censored survival data. Biometrika 1982;69:553-566. doi:10.1093/biomet/69.3.553.
    Tarone RE, Ware J. On distribution-free tests for equality of survival distributions. Biometrika 1977;64:156-160.
    doi:10.1093/biomet/64.1.156

    Examples
    --------
    >>> people = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6], "e": [1, 1, 0, 1, 1, 0], "g": list("aababb")})
    >>> logrank(people, exit="t", event="e", by="g").round(4).to_dict("records")
    [{'chi2': 4.3822, 'df': 1, 'p_value': 0.0363}]
    """
    _check_choice(weights_family, rho, gamma)
    model = _read(data, exit, event, by, entry, strata, missing)
    scores = _scores(model, weights_family, rho, gamma)
    contrast = _trend_scores(trend, model.groups)
    if contrast is None:
        return _overall(scores, model.groups)
    variance = float(contrast @ scores.variance @ contrast)
    if not variance > _RANK_TOLERANCE * float(np.abs(contrast) @ np.abs(scores.variance) @ np.abs(contrast)):
        raise DataError(f"trend: at no event are people with different scores of {model.groups.name} at risk together.")
    return _test(float(contrast @ scores.score) ** 2 / variance, 1)


def logrank_groups(
    data: pd.DataFrame,
    *,
    exit: str,
    event: str,
    by: str | Sequence[str],
    entry: str | None = None,
    strata: str | Sequence[str] | None = None,
    missing: Missing = "drop",
) -> pd.DataFrame:
    """Return the events observed in each group beside those expected if the hazard were the same in all groups.

    Parameters
    ----------
    data, exit, event, by, entry, strata, missing
        As in `logrank`.

    Returns
    -------
    DataFrame
        ``group, n, observed, expected``, a row per group; observed and expected have the same sum.

    Raises
    ------
    DataError, EventCodeError, FollowUpError, MissingValuesError, ColumnNotFoundError
        As `logrank`.

    Examples
    --------
    >>> people = pd.DataFrame({"t": [1.0, 2, 3, 4, 5, 6], "e": [1, 1, 0, 1, 1, 0], "g": list("aababb")})
    >>> logrank_groups(people, exit="t", event="e", by="g").round(3).to_dict("list")
    {'group': ['a', 'b'], 'n': [3, 3], 'observed': [3, 1], 'expected': [1.233, 2.767]}
    """
    model = _read(data, exit, event, by, entry, strata, missing)
    scores = _scores(model, "logrank", 0.0, 0.0)
    size = len(model.groups.labels)
    observed = np.bincount(model.groups.code, weights=model.follow.event, minlength=size)
    return pd.DataFrame(
        {
            "group": list(model.groups.labels),
            "n": np.bincount(model.groups.code, minlength=size),
            "observed": observed.astype(np.int64),
            "expected": observed - scores.score,
        }
    )


@dataclass(frozen=True, eq=False)
class _Model:
    """The rows of a test."""

    follow: FollowUp
    groups: Grouping
    stratum: Ints | None


def _read(
    data: pd.DataFrame,
    exit: str,
    event: str,
    by: str | Sequence[str],
    entry: str | None,
    strata: str | Sequence[str] | None,
    missing: Missing,
) -> _Model:
    require_rows(data, [exit, event, entry, *_listed(by), *_listed(strata)])
    groups, layers = group_by(data, list(_listed(by)), MOST_GROUPS), group_by(data, strata)
    holes = {groups.name: groups.code < 0}
    holes = holes if strata is None else {**holes, layers.name: layers.code < 0}
    keep = _complete(holes, missing)
    start = None if entry is None else data.loc[keep, entry]
    follow = follow_up(exit=data.loc[keep, exit], event=data.loc[keep, event], entry=start, names=(entry or "entry", exit, event))
    code = groups.code[keep]
    present = np.unique(code)
    if len(present) < 2:
        raise DataError(f"{groups.name}: a log-rank test compares groups; got {len(present)} with known rows.")
    if not follow.event.any():
        raise DataError(f"{event}: no events in the {len(follow)} rows used; there is nothing to compare.")
    known = Grouping(groups.name, tuple(groups.labels[i] for i in present), np.searchsorted(present, code), groups.declared)
    return _Model(follow, known, None if strata is None else layers.code[keep])


def _listed(names: str | Sequence[str] | None) -> Sequence[str]:
    return [] if names is None else [names] if isinstance(names, str) else list(names)


def _complete(holes: dict[str, npt.NDArray[np.bool_]], missing: Missing) -> npt.NDArray[np.bool_]:
    if missing not in ("drop", "error"):
        raise DataError(f"missing: got {missing!r}; expected 'drop' or 'error'.")
    if missing == "error" and any(rows.any() for rows in holes.values()):
        counts = list_names(f"{name} ({int(rows.sum())})" for name, rows in holes.items() if rows.any())
        raise MissingValuesError(f'missing values in rows of {counts}; mend or leave out these rows, or state missing="drop".')
    return known_rows(holes, "the test")


def _check_choice(family: str, rho: float, gamma: float) -> None:
    if family not in FAMILIES:
        raise DataError(f"weights_family: got {family!r}; expected one of {', '.join(FAMILIES)}.")
    if family != "fleming-harrington" and (rho or gamma):
        raise DataError(f"rho and gamma belong to weights_family='fleming-harrington'; got {family!r}.")
    if not (rho >= 0 and gamma >= 0 and np.isfinite(rho + gamma)):
        raise DataError(f"rho and gamma: expected numbers >= 0; got {rho:g} and {gamma:g}.")


def _trend_scores(trend: bool | Sequence[float], groups: Grouping) -> Floats | None:
    labels = groups.labels
    if isinstance(trend, bool):
        return np.arange(1.0, len(labels) + 1) if trend else None
    scores = np.asarray(trend, dtype=np.float64)
    if scores.shape != (len(labels),) or not np.isfinite(scores).all() or len(np.unique(scores)) < 2:
        which = f" ({list_names(labels)})" if groups.declared else ""
        raise DataError(f"trend: expected one score for each of the {len(labels)} groups of {groups.name}{which}, not all the same.")
    return scores


def _scores(model: _Model, family: str, rho: float, gamma: float) -> Scores:
    sets = risk_sets(model.follow, model.stratum, warn=True)
    return logrank_scores(sets, model.groups.code, len(model.groups.labels), family, rho, gamma)


def _overall(scores: Scores, groups: Grouping) -> pd.DataFrame:
    spread = np.sqrt(np.diag(scores.variance))
    alone = spread <= _RANK_TOLERANCE * spread.max(initial=0.0)
    if alone.all():
        raise DataError(
            f"{groups.name}: nothing to compare, because at no event two groups are at risk together with somebody who goes on, or the"
            " weights are 0 there (a curve that falls to 0 among the first who enter has no weight later)."
        )
    if alone.any():
        names = said([label for label, out in zip(groups.labels, alone, strict=True) if out], declared=groups.declared)
        warnings.warn(
            f"{groups.name}: never compared with the others at an event, left out of the test: {names}.", FitWarning, stacklevel=3
        )
    score, scale = scores.score[~alone] / spread[~alone], np.outer(spread[~alone], spread[~alone])
    values, vectors = np.linalg.eigh(scores.variance[np.ix_(~alone, ~alone)] / scale)
    real = values > _RANK_TOLERANCE * values[-1]
    projected = vectors[:, real].T @ score
    return _test(float(projected @ (projected / values[real])), int(real.sum()))


def _test(statistic: float, df: int) -> pd.DataFrame:
    from scipy.special import chdtrc

    return pd.DataFrame({"chi2": [statistic], "df": [df], "p_value": [float(chdtrc(df, statistic))]})
