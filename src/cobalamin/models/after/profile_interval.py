"""Profile-likelihood limits of any model that has them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from cobalamin.models.cox.profile_interval import profile_interval as cox_profile_interval
from cobalamin.models.fit import Fit
from cobalamin.models.regression.profile import glm_profile_interval


def profile_interval(fit: Fit, term: str | Sequence[str] | None = None, level: float = 0.95) -> pd.DataFrame:
    """Return confidence limits by profile likelihood.

    Parameters
    ----------
    fit : Fit
        From `cox`, `logistic`, `poisson`, `negative_binomial` or `linear`, with model-based variance; with Firth's penalty the penalised
        likelihood is profiled.
    term : str or sequence of str, optional
        Names of coefficients; all by default.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        ``term, estimate, conf_low, conf_high, p_value``, on the scale of the coefficient; ``p_value`` is that of the likelihood-ratio
        test of no effect. A limit that the likelihood does not bound is infinite; an alias has NaN.

    Raises
    ------
    DataError
        A model of another kind, an unknown term, a level outside (0, 1), or a variance that is not model-based.

    References
    ----------
    Venzon DJ, Moolgavkar SH. A method for computing profile-likelihood-based confidence intervals. J R Stat Soc C 1988;37:87-94.
    doi:10.2307/2347496

    Examples
    --------
    >>> from cobalamin.models.regression.regression import logistic
    >>> people = pd.DataFrame({"ill": [1, 1, 0, 0] * 25, "exposed": [1, 1, 1, 0] * 20 + [0] * 20})
    >>> profile_interval(logistic("ill ~ exposed", people), "exposed")["conf_high"].round(3).tolist()
    [2.725]
    """
    return (glm_profile_interval if "refit" in fit.parts else cox_profile_interval)(fit, term, level)
