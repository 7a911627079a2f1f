"""Computes printed results again and says whether they agree: one function per measure, one rule for all (see README.md)."""

from __future__ import annotations

import math
import warnings
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import cobalamin as cb

Spans = dict[str, tuple[float, float, float]]
PRINTED = {"estimate": "printed", "low": "printed_low", "high": "printed_high", "p": "printed_p"}


class Found(NamedTuple):
    """Recomputed by method: value, lowest and highest that the inputs allow (the same thrice where they are counts)."""

    estimate: Spans
    low: Spans
    high: Spans
    p: Spans
    counts: bool = True


def exactly(
    estimate: float, rows: dict[str, Any] | None = None, p: dict[str, float] | None = None, scale: float = 1, **other: Any
) -> Found:
    low, high = ({k: (scale * row[end],) * 3 for k, row in (rows or {}).items()} for end in ("conf_low", "conf_high"))
    return Found({"": (scale * estimate,) * 3}, low, high, {k: (v,) * 3 for k, v in (p or {}).items()}, **other)


def two_by_two(r: Any) -> Found:
    cells = [int(r[k]) for k in "abcd"]
    if r["measure"] == "Youden index":
        return exactly(r["a"] / (r["a"] + r["c"]) + r["d"] / (r["b"] + r["d"]) - 1)
    p = {k: cb.chi_squared([cells[:2], cells[2:]], correction=k == "Yates")["p_value"][0] for k in ("Pearson", "Yates")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # risk ratios without limits are not used
        exact, plain = cb.two_by_two(*cells, method="exact").loc[0], cb.two_by_two(*cells)
    name, row = ("Wald", plain.loc[2]) if r["measure"] == "risk difference" else ("exact", exact) if 0 in cells else ("Woolf", plain.loc[0])
    return exactly(row["estimate"], {name: row}, {**p, "Fisher": exact["p_value"]})


def from_limits(r: Any) -> Found:
    """No counts were printed: the middle of the limits against the estimate, and p from all three."""
    texts = [r[k] for k in ("printed", "printed_low", "printed_high")]
    found = cb.p_from_limits(*texts, log=r["measure"] == "odds ratio").set_index("measure")
    middle, p = (tuple(found.loc[k]) for k in ("middle", "p_value"))
    low, high = ((float(text), *cb.printed_range(text)) for text in texts[1:])
    return Found({"": middle}, {"symmetric": low}, {"symmetric": high}, {"normal": p}, counts=False)


def incidence_ratio(r: Any) -> Found:
    """The expected count was not printed: look for one that gives all three printed numbers."""
    fits = cb.expected_from_printed(r["events"], r["printed"], r["printed_low"], r["printed_high"]).dropna().set_index("method")
    expected = dict(fits.mean(axis=1)) or {"exact": r["events"] / float(r["printed"])}
    rows = {k.replace("byar", "Byar"): cb.smr(r["events"], e, method=k).loc[0] for k, e in expected.items()}
    return exactly(next(iter(rows.values()))["estimate"], rows, counts=False)


def share(r: Any) -> Found:
    if r["measure"] == "percent":
        rows = {k: cb.proportion(r["events"], r["n"], method=k.lower()).loc[0] for k in ("Wilson", "Wald", "exact")}
        return exactly(r["events"] / r["n"], rows, scale=100)
    tests = ("exact", "mid-p", "asymptotic", "corrected")
    return exactly(r["b"] / r["n"], p={f"{k} McNemar": cb.mcnemar(r["b"], r["c"], method=k)["p_value"][0] for k in tests}, scale=100)


def from_two(r: Any) -> Found:
    """Rate of all from those of women and men; reference change value from two coefficients of variation."""
    ends = [cb.printed_range(f"{r[k]:g}") for k in "xy"]
    made = [math.sqrt(2) * 1.959964 * math.hypot(x, y) for x, y in ((r["x"], r["y"]), *product(*ends))]
    if r["measure"].startswith("rate"):  # women may be 49 to 51 percent
        made = [(r["x"] + r["y"]) / 2, *(w * x + (1 - w) * y for x, y in product(*ends) for w in (0.49, 0.51))]
    return Found({"": (made[0], min(made), max(made))}, {}, {}, {}, counts=False)


def judge(r: Any, found: Found) -> str:
    """Every printed number must follow, both limits from one method, p from one test."""
    fits = {k: [m for m, v in getattr(found, k).items() if cb.agrees_with_printed(*v[1:], r[c])] for k, c in PRINTED.items()}
    limits = [m for m in fits["low"] if m in fits["high"]]
    asked = {"limits": (r["printed_low"] + r["printed_high"], limits), "test": (r["printed_p"], fits["p"])}
    if not fits["estimate"] or any(text and not names for text, names in asked.values()):
        return "not reproduced"
    how = [f"{what}: {', '.join(names)}" for what, (text, names) in asked.items() if text] or ["estimate only"]
    return ("reproduced; " if found.counts and r["printed"] + r["printed_p"].partition("<")[0] else "consistent; ") + "; ".join(how)


def recomputed(at: int, r: Any) -> list[dict[str, Any]]:
    by_measure = {"standardized incidence ratio": incidence_ratio, "percent": share, "percent of pairs": share}
    found = by_measure.get(r["measure"], two_by_two if r["d"] != "" else from_limits if r["printed_low"] else from_two)(r)
    verdict = judge(r, found)
    value, low, high, p = (next((v for m, v in s.items() if m and m in verdict), next(iter(s.values()), (math.nan,)))[0] for s in found[:4])
    same = {"at": at, "model": r["study"], "reference": r["doi"], "term": r["exposure"], "outcome": r["outcome"], "subgroup": r["disease"]}
    printed = {"analysis": "printed", "level": " | ".join(r[k] for k in PRINTED.values())}
    made = {"analysis": "recomputed", "level": verdict, "warning": r["note"], "value": value, "low": low, "high": high, "p": p}
    return [{**same, "measure": r["measure"], "n": r["people"], **part} for part in (printed, made)]


def analyse(folder: Path) -> cb.Estimates:
    """Recompute every entry, and draw up the map: each study once per thing measured, and the cells that were searched and found empty."""
    dictionary = cb.load_dictionary(folder / "dictionary")
    tables = {k: cb.check(cb.open_source(folder / f"{k}.csv"), dictionary, tables=[k]).valid[k] for k in ("evidence", "gaps")}
    evidence = tables["evidence"].astype(object).fillna("")
    rows = [row for at, r in enumerate(evidence.to_dict("records"), 1) for row in recomputed(at, r)]
    columns = ("topic disease study doi design people note", "term subgroup model reference level n warning")
    names = dict(zip(*(line.split() for line in columns), strict=True))
    gaps = tables["gaps"].astype(str).assign(measure="no study found")
    studies = evidence.assign(measure="study", note="").sort_values("people", key=lambda n: n.map(lambda x: -(x or 0)), kind="stable")
    mapped = [gaps, studies.drop_duplicates(["topic", "disease", "study"]).sort_index()[[*names, "measure"]]]
    rows += [{"analysis": "evidence map", **row} for frame in mapped for row in frame.rename(columns=names).to_dict("records")]
    return cb.Estimates.from_rows(rows, context="summary")
