"""What is said of a random intercept: its standard deviation, the test that it is 0, and the intercepts themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cobalamin.core.errors import DataError
from cobalamin.models.fit import Fit
from cobalamin.models.ordinal.mixed_likelihood import MixedLikelihood
from cobalamin.models.ordinal.solution import OrdinalSolved

Floats = npt.NDArray[np.float64]
LATENT_VARIANCE = {"logit": np.pi**2 / 3, "probit": 1.0, "cloglog": np.pi**2 / 6, "loglog": np.pi**2 / 6}
FEW_GROUPS = 10
_Z = 1.959963984540054


@dataclass(frozen=True, eq=False)
class MixedFound:
    """Where the climb ended.

    Attributes
    ----------
    parameters : ndarray, shape (k,)
        Of standardised columns, log(sd) last.
    covariance : ndarray, shape (k, k)
        Their variance.
    loglik : float
        Log-likelihood.
    iterations : int
        Steps taken.
    boundary : bool
        Whether the variance of the intercept is 0.
    upper : float
        Upper profile-likelihood limit of log(sd) at the boundary.
    """

    parameters: Floats
    covariance: Floats
    loglik: float
    iterations: int
    boundary: bool
    upper: float = np.nan


def mixed_notes(found: MixedFound, likelihood: MixedLikelihood, name: str) -> tuple[str, ...]:
    """Say what needs care about the random intercept.

    Parameters
    ----------
    found : MixedFound
        The maximum.
    likelihood : MixedLikelihood
        What was maximised.
    name : str
        Name of its parameter.

    Returns
    -------
    tuple of str
        Sentences.
    """
    notes = []
    if found.boundary:
        notes.append(
            f"{name}: the likelihood is highest with a variance of 0 between groups, its boundary: the rows of a group are no more"
            " alike than those of different groups, and the fit is that of ordinal(...)."
        )
    if likelihood.count < FEW_GROUPS:
        notes.append(f"Fewer than {FEW_GROUPS} groups: the variance between them is hardly known.")
    return tuple(notes)


def mixed_facts(found: MixedFound, first: OrdinalSolved, link: str) -> dict[str, float]:
    """Return what `glance` adds about the random intercept.

    Parameters
    ----------
    found : MixedFound
        The maximum.
    first : OrdinalSolved
        The model without random intercept.
    link : str
        Name of the distribution.

    Returns
    -------
    dict of str to float
        Standard deviation and variance with their errors, intraclass correlation, test of no intercept.
    """
    from scipy.special import chdtrc

    log_sd, sd = found.parameters[-1], float(np.exp(found.parameters[-1]))
    error = float(np.sqrt(found.covariance[-1, -1]))
    low, high = (0.0, float(np.exp(found.upper))) if found.boundary else np.exp([log_sd - _Z * error, log_sd + _Z * error]).tolist()
    ratio = max(2 * (found.loglik - first.loglik), 0.0)
    return {
        "sd": sd,
        "sd_std_error": sd * error,
        "sd_low": low,
        "sd_high": high,
        "variance": sd**2,
        "variance_std_error": 2 * sd**2 * error,
        "icc": sd**2 / (sd**2 + LATENT_VARIANCE[link]),
        "lr_no_intercept": ratio,
        "p_no_intercept": 0.5 * float(chdtrc(1, ratio)) if ratio > 0 else 1.0,
    }


def random_intercepts(fit: Fit) -> pd.DataFrame:
    """Return the most likely intercept of each group, given its rows.

    Parameters
    ----------
    fit : Fit
        From `ordinal_mixed`.

    Returns
    -------
    DataFrame
        ``group`` (0, 1, ... in the order in which the groups appear in the rows used), ``estimate`` and ``std_error`` (on the scale of
        the linear predictor, parameters taken as known), ``n`` rows. Person-level: never written.

    Raises
    ------
    DataError
        Another kind of fit.

    Examples
    --------
    >>> from cobalamin.models.ordinal.ordinal_mixed import ordinal_mixed
    >>> rng = np.random.default_rng(2)
    >>> visits = pd.DataFrame({"person": np.repeat(np.arange(60), 4), "y": rng.integers(0, 3, 240)})
    >>> visits["y"] = np.clip(visits["y"] + visits["person"] % 2, 0, 3)
    >>> random_intercepts(ordinal_mixed("y ~ 1", visits, group="person"))["n"].unique().tolist()
    [4]
    """
    likelihood = fit.parts.get("likelihood")
    if not isinstance(likelihood, MixedLikelihood):
        raise DataError(f"expected a fit from ordinal_mixed(...); got {fit.family.title}.")
    rows = np.bincount(likelihood.group, minlength=likelihood.count)
    parameters = fit.parts["parameters"]
    if np.isinf(parameters[-1]):
        return pd.DataFrame({"group": np.arange(likelihood.count), "estimate": 0.0, "std_error": 0.0, "n": rows})
    centres, sd = likelihood.centres(parameters), float(np.exp(parameters[-1]))
    return pd.DataFrame({"group": np.arange(likelihood.count), "estimate": sd * centres.mode, "std_error": sd * centres.spread, "n": rows})
