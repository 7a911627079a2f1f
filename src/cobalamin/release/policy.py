"""Disclosure policies: the rules of real data holders, as one frozen noun with named presets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cobalamin.core.errors import ProtocolError, did_you_mean

SUPPRESSED = "suppressed"
"""First word of the ``warning`` of every row in which a number was hidden."""


@dataclass(frozen=True)
class Policy:
    """What may leave: when a count is small, how shown counts are rounded, what else is asked of results.

    Attributes
    ----------
    name : str
        Name for the decisions record.
    threshold : int
        Counts up to here (``inclusive``) or below it (not ``inclusive``) are small; 0 = nothing is small.
    inclusive : bool
        Whether the threshold itself is small.
    zero_disclosive : bool
        Whether "nobody" is small too (for categories and events; "nobody missing" never is).
    redact : bool
        Whether small counts are hidden; rounding to midpoints needs no hiding.
    round_base : int
        Shown counts are rounded to this base; 0 = the flow chart and Table 1 show exact counts.
    midpoint : bool
        Round up to a multiple of the base, then down to the middle of the band (0 stays 0).
    model_base : int
        Base for counts beside models, curves and distributions when ``round_base`` is 0: those come from nearly the
        same people again and again, so exact counts could be subtracted from one another.
    secondary : bool
        Hide further numbers until no hidden one can be computed from what is shown.
    derived_from_rounded : bool
        Recompute percentages and rates from the protected counts.
    min_dof : int
        Fewest residual degrees of freedom of a model whose estimates may leave.
    curve_events : int or None
        Fewest events in every published interval of a curve; None = one more than the largest small count.
    digits : int
        Significant digits of estimates, so that exact counts cannot be solved from ten digits of an odds ratio.

    Examples
    --------
    >>> preset("opensafely").small(7), preset("opensafely").small(0)
    (True, False)
    """

    name: str
    threshold: int = 0
    inclusive: bool = True
    zero_disclosive: bool = False
    redact: bool = True
    round_base: int = 0
    midpoint: bool = False
    model_base: int = 0
    secondary: bool = True
    derived_from_rounded: bool = True
    min_dof: int = 0
    curve_events: int | None = None
    digits: int = 4

    @property
    def limit(self) -> int:
        """The largest count that is small."""
        return self.threshold if self.inclusive else max(self.threshold - 1, 0)

    @property
    def active(self) -> bool:
        """Whether the policy changes anything at all."""
        return self.threshold > 0 or self.round_base > 1

    @property
    def words(self) -> str:
        """The rule as printed beside a hidden number: ``<= 7`` or ``< 10``."""
        return f"{'<=' if self.inclusive else '<'} {self.threshold}"

    @property
    def events_between(self) -> int:
        """Fewest events in a published interval of a curve."""
        return self.limit + 1 if self.curve_events is None else self.curve_events

    def small(self, count: float, *, zero: bool = False) -> bool:
        """Whether a count is small; ``zero`` says that here "nobody" tells something about people."""
        return 0 < count <= self.limit or (count == 0 and zero and self.zero_disclosive)


PRESETS: Mapping[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy("none", secondary=False, derived_from_rounded=False),
        Policy("opensafely", threshold=7, round_base=5),
        Policy("opensafely-midpoint6", threshold=6, redact=False, round_base=6, midpoint=True),
        Policy("acro", threshold=10, inclusive=False, zero_disclosive=True, model_base=10, min_dof=10, curve_events=10),
        Policy("ukllc", threshold=10, inclusive=False, zero_disclosive=True, model_base=10, min_dof=10),
        Policy("cms", threshold=10, model_base=10),
    )
}


def preset(name: str) -> Policy:
    """Return a named policy.

    Parameters
    ----------
    name : str
        One of ``PRESETS``.

    Returns
    -------
    Policy
        The preset.

    Raises
    ------
    ProtocolError
        No such preset; the nearest name is suggested.

    Examples
    --------
    >>> preset("acro").words
    '< 10'
    """
    if name not in PRESETS:
        raise ProtocolError(f"Disclosure preset '{name}' is not known; expected one of {', '.join(PRESETS)}.{did_you_mean(name, PRESETS)}")
    return PRESETS[name]


def make_policy(value: str | Policy | Mapping[str, Any]) -> Policy:
    """Make a policy from a preset's name or from a mapping of its own settings.

    Parameters
    ----------
    value : str, Policy or mapping
        A mapping may name a ``preset`` to start from; its other keys are the attributes of `Policy`.

    Returns
    -------
    Policy
        The checked policy.

    Raises
    ------
    ProtocolError
        An unknown key or preset, a wrong type, or a contradiction.

    Examples
    --------
    >>> make_policy({"preset": "opensafely", "threshold": 10}).words
    '<= 10'
    """
    if isinstance(value, Policy):
        return _checked(value)
    if isinstance(value, str):
        return preset(value)
    settings = dict(value)
    start = preset(str(settings.pop("preset"))) if "preset" in settings else Policy("custom")
    known = {field.name: field for field in dataclasses.fields(Policy)}
    for key, setting in settings.items():
        if key not in known:
            raise ProtocolError(f"Disclosure policy: '{key}' is not a setting.{did_you_mean(key, known)} Settings: {', '.join(known)}.")
        _check_type(key, setting, getattr(start, key))
    return _checked(dataclasses.replace(start, **({"name": f"{start.name}, changed"} | settings if "preset" in value else settings)))


def _check_type(key: str, setting: Any, like: Any) -> None:
    expected = type(like) if like is not None else int
    if key == "curve_events" and setting is None:
        return
    if type(setting) is not expected:
        raise ProtocolError(f"Disclosure policy: {key} must be {expected.__name__}, got {type(setting).__name__}.")


def _checked(policy: Policy) -> Policy:
    for key in ("threshold", "round_base", "model_base", "min_dof"):
        if getattr(policy, key) < 0:
            raise ProtocolError(f"Disclosure policy: {key} must not be negative, got {getattr(policy, key)}.")
    if policy.curve_events is not None and policy.curve_events < 1:
        raise ProtocolError(f"Disclosure policy: curve_events must be at least 1, got {policy.curve_events}.")
    if not 2 <= policy.digits <= 10:
        raise ProtocolError(f"Disclosure policy: digits must lie between 2 and 10, got {policy.digits}.")
    if policy.midpoint and (policy.round_base < 2 or policy.round_base % 2):
        raise ProtocolError(f"Disclosure policy: midpoint rounding needs an even round_base of at least 2, got {policy.round_base}.")
    if policy.threshold and not policy.redact and policy.round_base <= policy.limit - 1:
        raise ProtocolError(
            f"Disclosure policy: without redact, small counts are protected by rounding alone; round_base must be at least "
            f"{policy.limit}, got {policy.round_base}."
        )
    if policy.threshold and policy.redact and not policy.round_base and not policy.model_base:
        # counts beside models need a base whenever Table 1 is exact; the next ten above the limit is never too fine
        return dataclasses.replace(policy, model_base=10 * (1 + (policy.limit - 1) // 10))
    return policy
