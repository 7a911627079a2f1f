"""Printed results beside what their own counts say: the table, the sentences, and what counts as one of these rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cobalamin.core.estimates import Estimates
from cobalamin.report import format as fmt
from cobalamin.report.blocks import Sentence
from cobalamin.report.exhibit import Column, Exhibit, Row, TableBody
from cobalamin.report.labels import join_words, plain
from cobalamin.report.records import Record, records

VERDICTS = ("reproduced", "consistent", "not reproduced")
RATIOS = ("odds ratio", "risk ratio", "hazard ratio", "rate ratio", "standardized incidence ratio", "standardized mortality ratio")
# the verdict's word for an estimate that was compared with its own printed limits, because no counts were printed
MIDDLE = "symmetric"
_TIED = "\u00a0"  # a blank that no line is broken at
# beyond the printed decimals: enough to see how near a rounding was
_MORE = 1


@dataclass(frozen=True)
class Entry:
    """A printed result and the same result recomputed.

    Attributes
    ----------
    printed : Record
        Row of analysis ``printed``; ``level`` holds estimate, limits and p as printed, parted by bars.
    again : Record
        Row of analysis ``recomputed``; ``level`` holds the verdict and the methods that agree.
    """

    printed: Record
    again: Record

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`."""
        return self.again.level.partition(";")[0]

    @property
    def texts(self) -> tuple[str, str, str, str]:
        """Estimate, lower limit, upper limit and p as printed; empty where nothing was."""
        parts = [part.strip() for part in self.printed.level.split("|")]
        estimate, low, high, p = (parts + [""] * 4)[:4]
        return estimate, low, high, p

    @property
    def about(self) -> str:
        """What was compared with what."""
        return plain(f"{self.again.term}: {self.again.outcome}" if self.again.term else self.again.outcome)


def evidence_entries(estimates: Estimates) -> list[Entry]:
    """Pair printed rows with recomputed ones.

    Parameters
    ----------
    estimates : Estimates
        Rows of analysis ``printed`` and ``recomputed``; one pair has one number in ``at``.

    Returns
    -------
    list of Entry
        In the order of the printed rows; pairs that are not complete are left out.
    """
    again = {r.at: r for r in records(estimates.where(analysis="recomputed").frame)}
    return [Entry(r, again[r.at]) for r in records(estimates.where(analysis="printed").frame) if r.at in again]


def has_evidence(estimates: Estimates) -> bool:
    """Whether results are about printed results.

    Parameters
    ----------
    estimates : Estimates
        Any results.

    Returns
    -------
    bool
        True with at least one printed row or a map.
    """
    return bool(len(estimates.where(analysis=("printed", "evidence map"))))


def printed_text(entry: Entry) -> str:
    """Write what was printed.

    Parameters
    ----------
    entry : Entry
        A pair.

    Returns
    -------
    str
        ``"4.3 (1.9 to 9.6); p <0.001"``.
    """
    estimate, low, high, p = (text.replace("-", fmt.MINUS) if "e" not in text else text for text in entry.texts)
    limits = f"({low} to {high})" if low and high else f"lower limit {low}" if low else f"upper limit {high}" if high else ""
    value = " ".join(filter(None, [estimate, limits]))
    sign = "<" if p.startswith("<") else "="
    return "; ".join(filter(None, [value, f"p{_TIED}{sign}{_TIED}{p.removeprefix('<').strip()}" if p else ""])) or fmt.DASH


def recomputed_text(entry: Entry) -> str:
    """Write what was recomputed, with a decimal more than was printed.

    Parameters
    ----------
    entry : Entry
        A pair.

    Returns
    -------
    str
        ``"4.31 (1.93 to 9.59)"``; the p-value where one was printed.
    """
    row, digits = entry.again, _decimals(entry) + _MORE
    value, low, high = (fmt.INFINITY if math.isinf(x) else fmt.number(x, digits) for x in (row.value, row.low, row.high))
    limits = "" if math.isnan(row.low + row.high) else f" ({low} to {high})"
    if MIDDLE in row.level:
        limits = ", the middle of the limits"
    return f"{value}{limits}{_p_text(entry)}"


def _decimals(entry: Entry) -> int:
    printed = [text for text in entry.texts[:3] if text]
    if not printed:
        return 1
    return max(len(text.partition(".")[2]) for text in printed)


def _p_text(entry: Entry) -> str:
    p, printed = entry.again.p, entry.texts[3]
    if math.isnan(p) or not printed:
        return ""
    phrase = fmt.p_phrase(p) if printed.startswith("<") else f"p = {p:.3g}"
    return f"; {phrase.replace(' ', _TIED)}"


def exhibit_recomputed(estimates: Estimates) -> Exhibit | None:
    """Make the table of printed and recomputed results.

    Parameters
    ----------
    estimates : Estimates
        Results.

    Returns
    -------
    Exhibit or None
        None without printed rows.
    """
    entries = evidence_entries(estimates)
    if not entries:
        return None
    rows: list[Row] = []
    for disease in dict.fromkeys(e.again.subgroup for e in entries):
        own = [e for e in entries if e.again.subgroup == disease]
        for study in dict.fromkeys((e.again.model, e.again.reference) for e in own):
            rows.append(Row((_heading(disease, *study),), "heading"))
            rows += [_row(e) for e in own if (e.again.model, e.again.reference) == study]
    columns = [Column(name, "left") for name in ("What", "Printed", "Recomputed", "Verdict")]
    counts = join_words([f"{n} {v}" for v, n in verdict_counts(entries).items() if n])
    return Exhibit(
        key="table-printed-and-recomputed",
        title="Printed and recomputed",
        caption=(
            "Reproduced: counts were printed, and give every printed number after rounding. Consistent: the inputs were themselves printed"
            " rounded (or only a bound of p was printed), and some unrounded inputs give every printed number; limits are symmetric if the"
            " estimate is their middle, for ratios on the log scale. Limits and tests that agree are named. Intervals are 95% intervals."
        ),
        alt=f"Table of {len(entries)} printed results beside what was recomputed: {counts}.",
        estimates=estimates.where(analysis=("printed", "recomputed")),
        body=TableBody(tuple(columns), tuple(rows)),
    )


def _heading(disease: str, study: str, doi: str) -> str:
    return f"{plain(disease).capitalize()}: {plain(study)}{f', doi:{plain(doi)}' if doi else ''}"


def _row(e: Entry) -> Row:
    verdict = plain(e.again.level)
    verdict = f"{verdict[:1].upper()}{verdict[1:]}. {plain(e.again.warning)}".strip()
    return Row((f"{e.about} ({plain(e.again.measure)})", printed_text(e), recomputed_text(e), verdict), indent=1)


def verdict_counts(entries: list[Entry]) -> dict[str, int]:
    """Count the verdicts.

    Parameters
    ----------
    entries : list of Entry
        The pairs.

    Returns
    -------
    dict of str to int
        Every verdict, in the order of `VERDICTS`.
    """
    return {verdict: sum(e.verdict == verdict for e in entries) for verdict in VERDICTS}


def evidence_sentences(estimates: Estimates) -> list[Sentence]:
    """Sum up the comparison: how many agree, each that does not, and what was not found.

    Parameters
    ----------
    estimates : Estimates
        Results.

    Returns
    -------
    list of Sentence
        Empty without printed rows and map.
    """
    entries = evidence_entries(estimates)
    found: list[Sentence] = []
    if entries:
        n = verdict_counts(entries)
        reproduced = f"Of {len(entries)} printed results, {n['reproduced']} are reproduced from their counts"
        consistent = f"{n['consistent']} are consistent with what was printed (rounded inputs, or only a bound of p)"
        found.append(Sentence(f"{reproduced}, {consistent}, and {n['not reproduced']} are not reproduced."))
    for e in (e for e in entries if e.verdict == "not reproduced"):
        numbers = f"printed {printed_text(e)}, recomputed {recomputed_text(e)}"
        found.append(Sentence(f"Not reproduced: {plain(e.again.model)}, {e.about}: {numbers}. {plain(e.again.warning)}".strip()))
    gaps = estimates.where(analysis="evidence map", measure="no study found").frame
    found += [Sentence(f"No study found: {plain(r.term)} in {plain(r.subgroup)} ({plain(r.warning)}).") for r in records(gaps)]
    return found
