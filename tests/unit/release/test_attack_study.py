"""The attacker reads a whole study: flow chart, Table 1, facts of models, at-risk tables, states and transitions together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from support.attacker import ONE_PERSON, PRESETS, Attacker, reader_knows, sensitive

from cobalamin.core.estimates import Estimates
from cobalamin.release.disclosure import Policy, disclose, make_policy
from cobalamin.release.model_cells import is_count

GRID = (0.0, 1.0, 2.0, 3.0, 4.0)
STATES = ("well", "LS", "cancer")
GROUPS = ("g0", "g1")


@dataclass(frozen=True)
class People:
    """Time of LS and of cancer (inf = never), end of follow-up, and group of each person."""

    sick: np.ndarray
    worse: np.ndarray
    end: np.ndarray
    group: np.ndarray


def people(seed: int) -> People:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(60, 400))
    end = rng.integers(3, 5, n) + rng.random(n)
    sick = np.where(rng.random(n) < rng.choice([0.05, 0.3]), rng.random(n) * 5, np.inf)
    sick = np.where(sick < end, sick, np.inf)
    worse = np.where(rng.random(n) < rng.choice([0.1, 0.4]), sick + rng.random(n), np.inf)
    return People(sick, np.where(worse < end, worse, np.inf), end, rng.choice(2, n, p=rng.choice([0.05, 0.4]) * np.array([1, -1]) + [0, 1]))


def counts_of(them: People, rows: np.ndarray) -> dict[object, float]:
    """Every number of a group, under the names the attacker uses."""
    sick, worse, end = them.sick[rows], them.worse[rows], them.end[rows]
    out = np.minimum(np.where(np.isfinite(sick), sick, end), end)
    found: dict[object, float] = {"T": len(sick), "E": float(np.isfinite(sick).sum())}
    for t in GRID:
        found["n", t], found["e", t] = float((out >= t).sum()), float((sick <= t).sum())
        found["in", "well", t], found["arrived", "well", t] = float((out >= t).sum()), 0.0
        found["in", "LS", t] = float(((sick < t) & (np.minimum(worse, end) >= t)).sum())
        found["arrived", "LS", t] = float((sick <= t).sum())
        found["in", "cancer", t], found["arrived", "cancer", t] = 0.0, float((worse <= t).sum())
    found["move", "well", "LS"], found["move", "LS", "cancer"] = found["E"], float(np.isfinite(worse).sum())
    found["seen", "well"], found["seen", "LS"], found["seen", "cancer"] = found["T"], found["E"], found["move", "LS", "cancer"]
    return found


def cells(them: People) -> dict[object, float]:
    sets = {"Overall": np.ones(len(them.sick), dtype=bool)} | {g: them.group == i for i, g in enumerate(GROUPS)}
    return {(name, key): count for name, rows in sets.items() for key, count in counts_of(them, rows).items()}


def study(true: dict[object, float], few: dict[str, int]) -> Iterator[tuple[object, str, dict[str, object]]]:
    """Rows of results; each with the name of the cell behind it and the column it stands in."""
    whole = true["Overall", "T"]
    for i, (name, lost) in enumerate([("all", few["a"] + few["b"]), ("adult", few["b"]), ("analysed", 0)]):
        row = {"analysis": "attrition", "context": "attrition", "measure": "remaining", "term": name, "at": i, "n": whole + lost}
        yield ("step", i), "n", row
    for g in (*GROUPS, "Overall"):
        common = {"subgroup": g, "model": "grp" if g != "Overall" else ""}
        table = {"analysis": "table1", "context": "summary", "model": "grp", "subgroup": g, "measure": "total"}
        yield (g, "T"), "n", {**table, "n": true[g, "T"], "events": true[g, "E"]}
        for t in GRID:
            row = {"analysis": "survival", "context": "curve", **common, "measure": "at risk", "level": "LS", "at": t}
            yield (g, ("n", t)), "n", {**row, "n": true[g, ("n", t)], "events": true[g, ("e", t)]}
            for state in STATES:
                row = {"analysis": "multi-state", "context": "curve", **common, "measure": "at risk", "level": state, "at": t}
                yield (g, ("in", state, t)), "n", {**row, "n": true[g, ("in", state, t)], "events": true[g, ("arrived", state, t)]}
        summary = {"analysis": "multi-state", "context": "summary", **common}
        for state in STATES:
            yield (g, ("seen", state)), "n", {**summary, "measure": "state", "term": state, "n": true[g, ("seen", state)]}
        for old, new in (("well", "LS"), ("LS", "cancer")):
            row = {**summary, "measure": "transition", "term": old, "level": new, "events": true[g, ("move", old, new)]}
            yield (g, ("move", old, new)), "events", row
    facts = {"n": whole - few["lost"], "n_missing": few["lost"], "events": true["Overall", "E"], "n_newly_invented": few["a"]}
    for name, value in facts.items():
        yield ("fact", name), "value", {"analysis": "primary", "context": "diagnostic", "model": "m", "measure": name, "value": value}


EVENTS_OF = {"T": "E", "n": "e", "in": "arrived"}


def twin(key: object) -> object:
    """The cell in the column ``events`` of a row whose ``n`` is this cell."""
    g, kind = key  # type: ignore[misc]
    return (g, EVENTS_OF[kind]) if isinstance(kind, str) else (g, (EVENTS_OF[kind[0]], *kind[1:]))


def attack(policy: Policy, seed: int) -> tuple[Attacker, dict[object, float], list[object]]:
    """What the released rows and the record tell; every sum the reader can think of; and the numbers he must not learn."""
    rng = np.random.default_rng(seed + 1000)
    true = cells(people(seed))
    few = {name: int(rng.integers(1, 14)) for name in ("a", "b", "lost")}
    plan = list(study(true, few))
    released = disclose(Estimates.from_rows([row for _, _, row in plan]), policy)
    assert len(released.estimates.frame) == len(plan)
    attacker, secret = Attacker(), []
    for (key, column, row), (_, after) in zip(plan, released.estimates.frame.iterrows(), strict=True):
        true[key] = float(row[column])  # type: ignore[arg-type]
        places = [(key, column)] + ([(twin(key), "events")] if column == "n" and "events" in row else [])
        for cell, where in places:
            why = "would reveal" if math.isnan(after[where]) and not sensitive(policy, true[cell], zero=True) else str(after["warning"])
            if policy.round_base > 1 and isinstance(cell, tuple) and cell == ("Overall", cell[1]) and cell[1] in ("T", "E"):
                attacker.know(cell)  # a margin of Table 1: the sum of its parts
            else:
                attacker.know(cell, *reader_knows(after[where], why, policy, exact=(column == "n" and key[0] == "step")
                                                  or cell[1] in ("T", "E"), companions_large=False))  # fmt: skip
            if sensitive(policy, true[cell], zero=False):
                secret.append(cell)
    _sums(attacker, true)
    secret += [("out", i) for i in (0, 1) if sensitive(policy, true["out", i], zero=False)]
    return attacker, true, secret


def _sums(attacker: Attacker, true: dict[object, float]) -> None:
    same: list[tuple[object, object]] = [(("step", 2), ("Overall", "T"))]
    for i in (0, 1):
        true["out", i] = true["step", i] - true["step", i + 1]
        attacker.total(("step", i), [("step", i + 1), ("out", i)])
    for kind in {key[1] for key in true if key[0] == "Overall"}:
        attacker.total(("Overall", kind), [(g, kind) for g in GROUPS])
    for g in (*GROUPS, "Overall"):
        same += [((g, "T"), (g, ("n", 0.0))), ((g, "T"), (g, ("in", "well", 0.0))), ((g, "T"), (g, ("seen", "well")))]
        same += [((g, "E"), (g, ("move", "well", "LS"))), ((g, "E"), (g, ("seen", "LS")))]
        same += [((g, ("move", "LS", "cancer")), (g, ("seen", "cancer")))]
        same += [((g, ("n", t)), (g, ("in", "well", t))) for t in GRID]
        for before, after in itertools.pairwise(GRID):
            for kind in (("e",), ("arrived", "LS"), ("arrived", "cancer")):
                true[g, ("between", *kind, after)] = true[g, (*kind, after)] - true[g, (*kind, before)]
                attacker.total((g, (*kind, after)), [(g, (*kind, before)), (g, ("between", *kind, after))])
        for state, old in (("LS", "well"), ("cancer", "LS")):
            true[g, ("late", state)] = true[g, ("move", old, state)] - true[g, ("arrived", state, GRID[-1])]
            attacker.total((g, ("move", old, state)), [(g, ("arrived", state, GRID[-1])), (g, ("late", state))])
    attacker.total(("Overall", "T"), [("fact", "n"), ("fact", "n_missing")])
    same.append((("fact", "events"), ("Overall", "E")))
    for one, other in same:
        attacker.total(one, [other])
    attacker.believes(true)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("seed", [1, 2, 3, *(pytest.param(s, marks=pytest.mark.slow) for s in range(4, 24))])
def test_no_small_number_of_a_whole_study_is_pinned(name: str, seed: int) -> None:
    policy = make_policy(name)
    attacker, true, secret = attack(policy, seed)
    for key in dict.fromkeys(secret):
        low, high = attacker.range(key)
        assert low - 1e-6 <= true[key] <= high + 1e-6
        assert high - low >= ONE_PERSON, f"{key} is pinned to {low}"


def test_facts_not_yet_invented_are_protected() -> None:
    names = ["n_sets_without_contrast", "n_events_without_subcohort", "n_single_person_strata", "n_anything_new", "smallest cluster"]
    rows = [{"context": "diagnostic", "measure": name, "value": 3.0} for name in names]
    rows += [{"context": "diagnostic", "measure": "n", "value": 503.0}, {"context": "diagnostic", "measure": "aic", "value": 612.25}]
    for policy in ("opensafely", "cms", "acro", "ukllc"):
        frame = disclose(Estimates.from_rows(rows, analysis="primary", model="m"), policy).estimates.frame
        assert frame["value"].isna().tolist() == [True] * len(names) + [False, False]
        assert frame["warning"].iloc[0].startswith("suppressed")
    assert not is_count("person_time") and not is_count("n_parameters") and not is_count("log-likelihood")


def test_a_transition_of_few_is_hidden_with_what_gives_it_away() -> None:
    """Table 1 says 40 events; the states say 37 of one kind: the other 3 are not left to subtraction."""
    summary = {"analysis": "multi-state", "context": "summary", "model": "", "subgroup": "Overall"}
    rows = [
        {"analysis": "table1", "context": "summary", "subgroup": "Overall", "measure": "total", "n": 500, "events": 40},
        {**summary, "measure": "state", "term": "well", "n": 500, "person_time": 2000.0},
        {**summary, "measure": "state", "term": "LS", "n": 40, "person_time": 150.0},
        {**summary, "measure": "state", "term": "dead", "n": 3},
        {**summary, "measure": "transition", "term": "well", "level": "LS", "events": 40, "person_time": 2000.0},
        {**summary, "measure": "transition", "term": "LS", "level": "dead", "events": 3, "person_time": 150.0},
    ]
    frame = disclose(Estimates.from_rows(rows), "cms").estimates.frame
    assert math.isnan(frame["n"].iloc[3]) and math.isnan(frame["events"].iloc[5])
    assert frame["n"].iloc[0] == 500 and frame["person_time"].iloc[5] == 150
