"""Names for people: terms of a formula, levels and groups as labels; text from data made harmless and short enough to draw."""

from __future__ import annotations

import re
import unicodedata

from cobalamin.report.facts import ModelFacts, StudyFacts

_CALL = re.compile(r"^(?P<function>[A-Za-z_]\w*)\((?P<variable>[A-Za-z_]\w*)(?P<rest>[^()]*)\)(?:\[(?P<part>[^\]]*)\])?$")
_SCALES = {
    "log2": "per doubling",
    "log": "per unit of its natural logarithm",
    "log10": "per tenfold",
    "sqrt": "per unit of its square root",
}
_SPLINES = {"rcs": "spline", "ns": "spline", "bs": "spline"}
# Formatting characters that could reorder or hide the text around a label (bidi overrides and isolates, zero-width marks)
_INVISIBLE = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200B, 0x200E, 0x200F, 0xFEFF])
# whose rows a model has (`ModelFacts.rows`)
ROWS_WORDS = {
    "baseline": "among those diagnosed, at the first visit",
    "visits": "among those diagnosed, at all visits",
    "one-rater": "among those diagnosed, at all visits, one rater each",
}
SIMULATED = "SIMULATED DATA"
SIMULATED_SENTENCE = "Simulated data: these people do not exist."


def plain(text: str) -> str:
    r"""Make text from data safe to print: one line, no control or reordering characters.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The same words; escaping is the renderer's job.

    Examples
    --------
    >>> plain("age\x00\n  group\u202e")
    'age group'
    """
    kept = "".join(" " if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} else c for c in text.translate(_INVISIBLE))
    return " ".join(kept.split())


def term_label(term: str, facts: StudyFacts) -> str:
    """Return the label of a formula term.

    Parameters
    ----------
    term : str
        As in ``Estimates.term``: a variable, ``log2(x)``, ``rcs(x, 4)[1]``, ``a:b``.
    facts : StudyFacts
        Its ``labels`` are asked for the term as written first, then for the variable inside.

    Returns
    -------
    str
        Label with its scale: ``"Serum vitamin B12 (pmol/L), per doubling"``.

    Examples
    --------
    >>> facts = StudyFacts("t", "q", labels={"b12": "Serum B12 (pmol/L)"})
    >>> term_label("log2(b12)", facts)
    'Serum B12 (pmol/L), per doubling'
    """
    if term in facts.labels:
        return plain(facts.labels[term])
    if ":" in term:
        return " \u00d7 ".join(term_label(part, facts) for part in term.split(":"))
    call = _CALL.match(term)
    if not call:
        return plain(term)
    name = plain(facts.labels.get(call["variable"], call["variable"]))
    scale = _SCALES.get(call["function"])
    if scale and not call["rest"]:
        return f"{name}, {scale}"
    part = f", part {call['part']}" if call["part"] else ""
    return f"{name}, {_SPLINES.get(call['function'], call['function'])}{part}"


def level_label(level: str, facts: StudyFacts) -> str:
    """Return the label of a category or group.

    Parameters
    ----------
    level : str
        As in ``Estimates.level`` or ``Estimates.subgroup``.
    facts : StudyFacts
        Its ``levels`` may rename it.

    Returns
    -------
    str
        The label, with typographic inequality signs.

    Examples
    --------
    >>> level_label(">=221", StudyFacts("t", "q"))
    '\u2265221'
    """
    return plain(facts.levels.get(level, level)).replace(">=", "\u2265").replace("<=", "\u2264")


def row_label(term: str, level: str, reference: str, facts: StudyFacts) -> str:
    """Return one line for an exposure contrast.

    Parameters
    ----------
    term, level, reference : str
        As in Estimates.
    facts : StudyFacts
        Labels.

    Returns
    -------
    str
        ``"Smoking: former v never"`` for a level, the term's label for a numeric term.

    Examples
    --------
    >>> row_label("smoking", "former", "never", StudyFacts("t", "q", labels={"smoking": "Smoking"}))
    'Smoking: former v never'
    """
    name = term_label(term, facts)
    if not level:
        return name
    against = f" v {level_label(reference, facts)}" if reference and reference != level else ""
    return f"{name}: {level_label(level, facts)}{against}"


def group_label(variable: str, facts: StudyFacts) -> str:
    """Return the label of a grouping column.

    Parameters
    ----------
    variable : str
        Name of the grouping column (``Estimates.model`` of tables and curves).
    facts : StudyFacts
        ``group`` wins, then ``labels``.

    Returns
    -------
    str
        The label.
    """
    return plain(facts.group or facts.labels.get(variable, variable))


def outcome_label(outcome: str, facts: StudyFacts) -> str:
    """Return the label of an outcome.

    Parameters
    ----------
    outcome : str
        As in ``Estimates.outcome``.
    facts : StudyFacts
        ``labels`` is asked first; a study with one outcome has it in ``outcome``.

    Returns
    -------
    str
        ``"diagnosis of lichen sclerosus"``.

    Examples
    --------
    >>> outcome_label("ls", StudyFacts("t", "q", outcome="diagnosis of LS"))
    'diagnosis of LS'
    """
    if outcome in facts.labels:
        return plain(facts.labels[outcome])
    several = len({m.outcome for m in facts.models if m.outcome}) > 1
    return plain(outcome) if several and outcome else plain(facts.outcome)


def adjustment_words(model: ModelFacts) -> str:
    """Say what a model adjusts for.

    Parameters
    ----------
    model : ModelFacts
        A model.

    Returns
    -------
    str
        ``"adjusted for age, sex and smoking"`` or ``"unadjusted"``; several exposures are adjusted for one another.

    Examples
    --------
    >>> adjustment_words(ModelFacts("m", "M", "primary", "cox", "x + age + sex", ("age", "sex")))
    'adjusted for age and sex'
    """
    # a product is no exposure of its own
    mutual = ["one another"] if sum(":" not in term for term in model.exposures) > 1 else []
    words = [*mutual, *(plain(a) for a in model.adjustments)]
    return f"adjusted for {join_words(words)}" if words else "unadjusted"


def lag_words(model: ModelFacts, facts: StudyFacts) -> str:
    """Say the lag of a model.

    Parameters
    ----------
    model : ModelFacts
        A model with a lag.
    facts : StudyFacts
        Unit of time.

    Returns
    -------
    str
        ``"with a lag of 5 years between exposure and the start of follow-up"``.

    Examples
    --------
    >>> lag_words(ModelFacts("m", "M", "primary", "cox", "x", lag=5), StudyFacts("t", "q"))
    'with a lag of 5 years between exposure and the start of follow-up'
    """
    unit = facts.time_unit.removesuffix("s") if model.lag == 1 else facts.time_unit
    return f"with a lag of {model.lag:g} {unit} between exposure and the start of follow-up"


def join_words(words: list[str]) -> str:
    """Join words as a sentence does.

    Parameters
    ----------
    words : list of str
        In order.

    Returns
    -------
    str
        ``"a, b and c"``.

    Examples
    --------
    >>> join_words(["a", "b", "c"])
    'a, b and c'
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def slug(text: str) -> str:
    """Make a text fit for an id: lower-case letters, digits and hyphens.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The id.

    Examples
    --------
    >>> slug("log2(b12) | LS")
    'log2-b12-ls'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
