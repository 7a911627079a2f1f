"""One estimate in a sentence: the wording follows the interval, a null reads as null, and nothing is called an effect."""

from __future__ import annotations

import math

from cobalamin.report import format as fmt
from cobalamin.report.blocks import Sentence
from cobalamin.report.facts import StudyFacts
from cobalamin.report.labels import level_label, outcome_label, plain, term_label
from cobalamin.report.measures import estimate_digits, estimate_limits, estimate_value, is_ratio, null_of
from cobalamin.report.select import Contrast
from cobalamin.report.tables import level_text

# An interval whose upper limit is more than three times its lower one leaves the size of a difference open
WIDE = 3.0
# An interval inside these limits leaves room for small differences only (10% either way on the ratio scale)
NARROW = (0.9, 1 / 0.9)
# measure -> the quantity compared, as in "a lower hazard" and in "a hazard 5% lower and one 7% higher"
_QUANTITIES = {
    "hazard ratio": ("a {} hazard", "a hazard {} and one {}"),
    "odds ratio": ("{} odds", "odds {} and odds {}"),
    "risk ratio": ("a {} risk", "a risk {} and one {}"),
    "rate ratio": ("a {} rate", "a rate {} and one {}"),
    "mean difference": ("a {} mean", "a mean {} and one {}"),
    "risk difference": ("a {} risk", "a risk {} and one {}"),
}
# kinds whose odds are those of a higher category
_GRADED = ("ordinal", "ordinal_mixed")
_ANY = ("a {} occurrence", "an occurrence {} and one {}")


def contrast_sentence(c: Contrast, facts: StudyFacts) -> Sentence:
    """Write what one estimate says, and what it leaves open.

    Parameters
    ----------
    c : Contrast
        An estimate.
    facts : StudyFacts
        Labels and confidence level.

    Returns
    -------
    Sentence
        Wording by the interval: clear of the null value (1 for ratios, 0 for differences) = an association; around it = no clear
        association, with what it is compatible with.

    Examples
    --------
    >>> from cobalamin.core.estimates import Estimates
    >>> from cobalamin.report.facts import ModelFacts
    >>> from cobalamin.report.narrative import result_sentences
    >>> rows = Estimates.from_rows([{"analysis": "primary", "context": "estimate", "model": "m", "term": "b12",
    ...     "measure": "hazard ratio", "value": 1.02, "low": 0.93, "high": 1.12}])
    >>> facts = StudyFacts("t", "q", outcome="diagnosis of LS", models=(ModelFacts("m", "Adjusted", "primary", "cox", "b12"),))
    >>> text = result_sentences(rows, facts, "primary")[0].text.split(": ")
    >>> text[0], text[1]
    ('Primary model (Adjusted)', 'b12 showed no clear association with diagnosis of LS (hazard ratio 1.02, 95% CI 0.93 to 1.12)')
    >>> text[2]
    'the data are compatible with anything between a hazard 7% lower and one 12% higher.'
    """
    outcome = outcome_label(c.row.outcome, facts)
    start = f"{c.model.role.capitalize()} model ({plain(c.model.label)}): {_subject(c, facts)}"
    if not math.isfinite(c.row.value) or (is_ratio(c.row.measure) and c.row.value <= 0):
        return Sentence(f"{start.removesuffix(',')}: {_absent(c, outcome)}", (c.key,))
    numbers = f"({_numbers(c, facts)})"
    if ":" in c.row.term:
        return Sentence(f"{start.rstrip(',')}: {_product(c, outcome, numbers)}{_truth(c)}", (c.key,))
    return Sentence(f"{start} {_verdict(c, outcome, numbers)}{_truth(c)}", (c.key,))


def relative_words(ratio: float) -> str:
    """Say a ratio as a relative difference.

    Parameters
    ----------
    ratio : float
        Positive.

    Returns
    -------
    str
        ``"7% lower"``, ``"12% higher"``, ``"2.5 times as high"``, ``"no different"``.

    Examples
    --------
    >>> [relative_words(r) for r in (0.93, 1.12, 2.5, 1.0, 0.9968)]
    ['7% lower', '12% higher', '2.5 times as high', 'no different', '0.3% lower']
    """
    if ratio >= 1.995:
        return f"{fmt.number(ratio, 1 if ratio < 99.95 else 0)} times as high"
    change = 100 * abs(ratio - 1)
    shown = fmt.number(change, 0 if change >= 0.95 else 1)
    if change < 0.05:
        return "no different"
    return f"{shown}% {'lower' if ratio < 1 else 'higher'}" if shown != "100" else "almost 100% lower"


def difference_words(value: float, measure: str, digits: int) -> str:
    """Say a difference in words.

    Parameters
    ----------
    value : float
        The difference.
    measure : str
        Risks are told in percentage points.
    digits : int
        Decimals of the difference as printed.

    Returns
    -------
    str
        ``"2.1 lower"``, ``"3.4 percentage points higher"``, ``"no different"``.

    Examples
    --------
    >>> difference_words(-2.14, "mean difference", 1), difference_words(0.034, "risk difference", 3)
    ('2.1 lower', '3.4 percentage points higher')
    """
    points = measure == "risk difference"
    shown = fmt.number(abs(100 * value if points else value), max(digits - 2, 0) if points else digits)
    if float(shown.replace(",", "")) == 0:
        return "no different"
    return f"{shown}{' percentage points' if points else ''} {'lower' if value < 0 else 'higher'}"


def _absent(c: Contrast, outcome: str) -> str:
    if fmt.is_suppressed(c.row.warning):
        return f"the association with {outcome} is not shown, because disclosure control hid its numbers."
    why = f" ({plain(c.row.warning)})" if c.row.warning else ""
    return f"the association with {outcome} could not be estimated{why}."


def _subject(c: Contrast, facts: StudyFacts) -> str:
    """Name the contrast as the subject of a sentence; an apposition gets its closing comma."""
    name = term_label(c.row.term, facts)
    if c.row.level:
        against = f" versus {level_label(c.row.reference, facts)}" if c.row.reference else ""
        return f"{name}, {level_label(c.row.level, facts)}{against},"
    return f"{name}," if ", " in name else name


def _numbers(c: Contrast, facts: StudyFacts) -> str:
    measure = c.row.measure
    digits = estimate_digits(measure, c.row.value, c.row.low, c.row.high)
    parts = [f"{measure} {estimate_value(measure, c.row.value, digits)}"]
    if not math.isnan(c.row.low):
        parts[0] += f", {level_text(facts)} {estimate_limits(measure, c.row.low, c.row.high, digits)}"
    if not math.isnan(c.row.n) and not math.isnan(c.row.events):
        parts.append(f"{fmt.count(c.row.events)} events among {fmt.count(c.row.n)} people")
    elif not math.isnan(c.row.n):
        parts.append(f"{fmt.count(c.row.n)} people")
    return "; ".join(parts)


def _verdict(c: Contrast, outcome: str, numbers: str) -> str:
    low, high, value = c.row.low, c.row.high, c.row.value
    graded = c.model.kind in _GRADED
    one, two = _QUANTITIES.get(c.row.measure, _ANY)
    two = "odds of a higher score {} and odds {}" if graded and c.row.measure == "odds ratio" else two
    null = null_of(c.row.measure)
    if math.isnan(low) or math.isnan(high):
        return f"has an estimate without an interval for {outcome} {numbers}; it cannot be judged."
    if low <= null <= high:
        between = f"anything between {two.format(*_ends(c))}"
        return f"showed no clear association with {outcome} {numbers}: {_null_end(c, between)}"
    direction = "higher" if value > null else "lower"
    wide = is_ratio(c.row.measure) and high > WIDE * low
    said = " The interval is wide, so the size of the difference is uncertain." if wide else ""
    return f"was associated with {one.format(direction)} of {'a higher ' if graded else ''}{outcome} {numbers}.{said}"


def _product(c: Contrast, outcome: str, numbers: str) -> str:
    """A product of two variables says how the association of one changes with the other."""
    if math.isnan(c.row.low) or math.isnan(c.row.high):
        return f"an estimate without an interval for {outcome} {numbers}; it cannot be judged."
    if c.row.low <= null_of(c.row.measure) <= c.row.high:
        return f"no clear interaction for {outcome} {numbers}."
    return f"an interaction for {outcome} {numbers}."


def _ends(c: Contrast) -> tuple[str, str]:
    """The limits of an interval in words."""
    if is_ratio(c.row.measure):
        return relative_words(c.row.low), relative_words(c.row.high)
    digits = estimate_digits(c.row.measure, c.row.value, c.row.low, c.row.high)
    return difference_words(c.row.low, c.row.measure, digits), difference_words(c.row.high, c.row.measure, digits)


def _null_end(c: Contrast, between: str) -> str:
    low, high = c.row.low, c.row.high
    if not is_ratio(c.row.measure):
        return f"the data are compatible with {between}."
    if low <= 0 or not math.isfinite(high):
        return "the data say next to nothing about it, because the interval has no end on one side."
    if high > WIDE * low:
        return f"the estimate is imprecise; the data are compatible with {between}."
    small = "; under the assumptions of the model, larger differences are hardly compatible with the data" if _narrow(low, high) else ""
    return f"the data are compatible with {between}{small}."


def _narrow(low: float, high: float) -> bool:
    return low >= NARROW[0] and high <= NARROW[1]


def _truth(c: Contrast) -> str:
    if math.isnan(c.truth):
        return ""
    shown = estimate_value(c.row.measure, c.truth) if is_ratio(c.row.measure) else f"{c.truth:g}"
    if math.isnan(c.row.low):
        return f" The simulated truth is {shown}."
    inside = "contains" if c.row.low <= c.truth <= c.row.high else "does not contain"
    return f" The simulated truth is {shown}; the interval {inside} it."
