"""A reader who attacks released counts by linear programming, with nothing of the package's own ledger."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy.optimize import linprog

from cobalamin.release.disclosure import Policy

PRESETS = ["cms", "acro", "ukllc", "opensafely", "opensafely-midpoint6"]
ONE_PERSON = 1 - 1e-6  # a range of at least two whole numbers


class Attacker:
    """Collects linear facts about unknown counts and asks how far one of them can move."""

    def __init__(self) -> None:
        self.index: dict[object, int] = {}
        self.bounds: list[list[float]] = []
        self.sums: list[dict[object, float]] = []
        self.truth: dict[object, float] = {}

    def believes(self, truth: Mapping[object, float]) -> None:
        """The truth fits every interval and every sum: the attacker never contradicts himself."""
        for key, place in self.index.items():
            if key in truth:
                low, high = self.bounds[place]
                assert low - 1e-6 <= truth[key] <= high + 1e-6, f"{key}: {truth[key]} is not in [{low}, {high}]"
        for terms in self.sums:
            if all(key in truth for key in terms):
                assert abs(sum(c * truth[key] for key, c in terms.items())) < 1e-6, f"{terms} do not add up in truth"

    def know(self, key: object, low: float = 0.0, high: float = math.inf) -> None:
        if key not in self.index:
            self.index[key] = len(self.bounds)
            self.bounds.append([0.0, math.inf])
        place = self.bounds[self.index[key]]
        place[0], place[1] = max(place[0], low), min(place[1], high)

    def total(self, whole: object, parts: list[object]) -> None:
        for key in [whole, *parts]:
            self.know(key)
        self.sums.append({whole: -1.0, **dict.fromkeys(parts, 1.0)})

    def range(self, key: object) -> tuple[float, float]:
        matrix = np.zeros((len(self.sums), len(self.bounds)))
        for row, terms in enumerate(self.sums):
            for k, coefficient in terms.items():
                matrix[row, self.index[k]] = coefficient
        goal = np.zeros(len(self.bounds))
        goal[self.index[key]] = 1.0
        limits = [(low, None if high == math.inf else high) for low, high in self.bounds]
        ends = []
        for sign in (1.0, -1.0):
            found = linprog(sign * goal, A_eq=matrix, b_eq=np.zeros(len(self.sums)), bounds=limits, method="highs")
            assert found.status in (0, 3), found.message
            ends.append(sign * found.fun if found.status == 0 else -sign * math.inf)
        return ends[0], ends[1]


def reader_knows(number: float, warning: str, policy: Policy, *, exact: bool, companions_large: bool = True) -> tuple[float, float]:
    """The interval a printed or hidden count stands for, in the attacker's own words."""
    limit = policy.threshold if policy.inclusive else policy.threshold - 1
    if math.isnan(number):
        warning = warning.replace("reference category n", "")  # that is about another row
        if "group n" in warning or "category n" in warning:
            return 0.0, limit
        if "would reveal" in warning:
            return (limit + 1.0 if companions_large else 0.0), math.inf
        return (0.0 if policy.zero_disclosive else 1.0), limit
    base = policy.round_base or (0 if exact else policy.model_base)
    if base <= 1:
        return number, number
    if policy.midpoint:
        return (0.0, 0.0) if number == 0 else (number - base / 2 + 1, number + base / 2)
    if number == 0 and policy.redact:
        return 0.0, 0.0
    low = max(number - base // 2, limit + 1 if policy.redact else 0)
    return low, number + (base - 1) // 2


def margin_knows(number: float, parts: list[float], itself: tuple[float, float], policy: Policy) -> tuple[float, float]:
    """A total of which all parts are printed may be the sum of the rounded parts, or a rounded number itself."""
    if any(math.isnan(part) for part in parts) or abs(sum(parts) - number) > 1e-9:
        return itself
    ends = [reader_knows(part, "", policy, exact=True) for part in parts]
    return min(itself[0], sum(low for low, _ in ends)), max(itself[1], sum(high for _, high in ends))


def sensitive(policy: Policy, count: float, *, zero: bool) -> bool:
    limit = policy.threshold if policy.inclusive else policy.threshold - 1
    return 0 < count <= limit or (zero and count == 0 and policy.zero_disclosive)
