"""Policies: presets follow their holders, settings are checked."""

from __future__ import annotations

import pytest

from cobalamin.core.errors import ProtocolError
from cobalamin.release.disclosure import PRESETS, Policy, make_policy, preset


@pytest.mark.parametrize(
    ("name", "small", "shown"),
    [
        ("opensafely", [1, 7], [0, 8]),
        ("opensafely-midpoint6", [1, 6], [0, 7]),
        ("acro", [0, 1, 9], [10]),
        ("ukllc", [0, 1, 9], [10]),
        ("cms", [1, 10], [0, 11]),
        ("none", [], [0, 1, 7]),
    ],
)
def test_what_each_holder_calls_small(name: str, small: list[int], shown: list[int]) -> None:
    policy = preset(name)
    assert all(policy.small(n, zero=True) for n in small)
    assert not any(policy.small(n, zero=True) for n in shown)


def test_only_none_is_inactive() -> None:
    assert [p.name for p in PRESETS.values() if not p.active] == ["none"]


def test_every_redacting_preset_rounds_counts_beside_models() -> None:
    assert all(p.round_base > 1 or p.model_base > 1 for p in PRESETS.values() if p.active)


def test_a_mapping_changes_a_preset_and_says_so() -> None:
    policy = make_policy({"preset": "acro", "min_dof": 20})
    assert (policy.min_dof, policy.threshold, policy.name) == (20, 10, "acro, changed")


def test_a_custom_policy_gets_a_base_for_models() -> None:
    assert make_policy({"name": "ours", "threshold": 5}).model_base == 10
    assert make_policy({"name": "ours", "threshold": 20}).model_base == 20


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("opensafly", "Did you mean 'opensafely'"),
        ({"treshold": 5}, "Did you mean 'threshold'"),
        ({"threshold": "5"}, "must be int, got str"),
        ({"threshold": True}, "must be int, got bool"),
        ({"threshold": -1}, "must not be negative"),
        ({"threshold": 5, "midpoint": True, "round_base": 5}, "even round_base"),
        ({"threshold": 9, "redact": False, "round_base": 5}, "round_base must be at least"),
        ({"threshold": 9, "curve_events": 0}, "curve_events"),
        ({"threshold": 9, "digits": 1}, "digits"),
    ],
)
def test_a_wrong_policy_is_refused(settings: object, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        make_policy(settings)  # type: ignore[arg-type]


def test_a_policy_passes_through() -> None:
    policy = Policy("mine", threshold=5, round_base=5)
    assert make_policy(policy) == policy
