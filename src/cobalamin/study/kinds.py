"""The kinds of model a protocol may ask for: one line each, with its function, its follow-up and the keys it takes.

To add one, write its line. Keys that no kind had before need a field in `sections.ModelSection` as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

Follow = Literal["one event", "all events", "none"]
# the keys of every model, whatever its kind
COMMON = ("name", "label", "kind", "role", "formula", "show", "lag_years", "restrict", "adjusted_for", "note")
_WEIGHTED = ("weights", "cluster")
_REGRESSION = ("weights", "cluster", "survey", "offset", "robust")


@dataclass(frozen=True)
class Kind:
    """A kind of model.

    Attributes
    ----------
    function : str
        ``"folder.module:name"`` within `cobalamin.models`; loaded when it is first used.
    words : str
        What the report calls it.
    follow : {"one event", "all events", "none"}
        Whether it takes the follow-up with one event as 0/1 (competing events end it), with the codes of all events, or has its
        outcome on the left of ``~``.
    options : tuple of str
        Keys of the protocol that it takes besides those of every model; each goes to the keyword of the same name.
    instead : mapping of str to str
        Key -> function that is called instead of ``function`` where that key is given.
    """

    function: str
    words: str
    follow: Follow
    options: tuple[str, ...] = ()
    instead: tuple[tuple[str, str], ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that a model of this kind may have."""
        return (*COMMON, "rows" if self.follow == "none" else "event", *self.options)

    @property
    def timed(self) -> bool:
        """Whether it takes follow-up."""
        return self.follow != "none"


_COX = ("strata", "cluster", "weights", "offset", "survey", "ties", "firth", "ridge", "ridge_terms", "frailty")
KINDS: dict[str, Kind] = {
    "cox": Kind("cox.cox:cox", "Cox proportional-hazards regression", "one event", _COX, (("frailty", "cox.frailty:cox_frailty"),)),
    "fine_gray": Kind(
        "competing.fine_gray:fine_gray", "Fine-Gray regression of the subdistribution hazard", "all events", (*_WEIGHTED, "ties")
    ),
    "aft": Kind("parametric.aft:aft", "accelerated failure time model", "one event", (*_WEIGHTED, "distribution")),
    "flexible_parametric": Kind(
        "parametric.royston_parmar:flexible_parametric",
        "flexible parametric (Royston-Parmar) model",
        "one event",
        (*_WEIGHTED, "df", "scale", "time_dependent"),
    ),
    "logistic": Kind("regression.regression:logistic", "logistic regression", "none", _REGRESSION),
    "linear": Kind("regression.regression:linear", "linear regression", "none", _REGRESSION),
    "poisson": Kind("regression.rates:poisson", "Poisson regression", "none", (*_REGRESSION, "exposure")),
    "negative_binomial": Kind("regression.rates:negative_binomial", "negative binomial regression", "none", (*_REGRESSION, "exposure")),
    "risk_ratio": Kind("regression.risks:risk_ratio", "regression of risk ratios", "none", (*_REGRESSION, "method")),
    "risk_difference": Kind("regression.risks:risk_difference", "regression of risk differences", "none", (*_REGRESSION, "method")),
    "ordinal": Kind("ordinal.ordinal:ordinal", "ordinal (cumulative link) regression", "none", (*_WEIGHTED, "survey", "link", "partial")),
    "ordinal_mixed": Kind(
        "ordinal.ordinal_mixed:ordinal_mixed",
        "ordinal regression with random effects",
        "none",
        ("group", "random", "link"),
    ),
    "mixed": Kind("repeated.mixed:mixed", "linear mixed model", "none", ("group", "random", "crossed", "method")),
    "gee": Kind(
        "repeated.gee:gee",
        "marginal model by generalised estimating equations",
        "none",
        ("group", "family", "correlation", "time", "exposure", "weights", "correction"),
    ),
}


def load_function(where: str) -> Callable[..., Any]:
    """Load a function of `cobalamin.models`.

    Parameters
    ----------
    where : str
        ``"folder.module:name"``, from the table above; never text of a protocol.

    Returns
    -------
    callable
        The function.

    Examples
    --------
    >>> load_function("cox.cox:cox").__name__
    'cox'
    """
    module, name = where.split(":")
    found: Callable[..., Any] = getattr(import_module(f"cobalamin.models.{module}"), name)
    return found
