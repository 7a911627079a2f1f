"""Fingerprints: the same content, the same text; any other content, another."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cobalamin.core.fingerprint import file_hash, fingerprint, frame_hash


def test_key_order_and_container_kind_do_not_matter_but_content_does() -> None:
    assert fingerprint({"a": [1, 2], "b": 0.1}) == fingerprint({"b": np.float64(0.1), "a": (1, np.int64(2))})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint("1") != fingerprint(1)
    assert fingerprint(dt.date(2020, 1, 2)) == fingerprint("2020-01-02")


def test_a_known_value_stays_what_it_is() -> None:
    assert fingerprint({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()


def test_what_has_no_canonical_form_is_refused() -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        fingerprint(object())


def test_frames_differ_by_value_type_name_and_order() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    others = [frame.rename(columns={"a": "c"}), frame.assign(a=[1.0, 2.0]), frame.iloc[::-1], frame.assign(b=["x", "z"])]
    assert frame_hash(frame) == frame_hash(frame.copy().set_axis([5, 6]))
    assert all(frame_hash(frame) != frame_hash(other) for other in others)


def test_a_file_is_hashed_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_hash(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
