"""StudyFacts: stored whole, read strictly."""

from __future__ import annotations

import json

import pytest
from unit.report.examples import nhanes_facts, onset_facts

from cobalamin.core.errors import DataError
from cobalamin.report.facts import ModelFacts, StudyFacts


@pytest.mark.parametrize("facts", [onset_facts(), nhanes_facts(), StudyFacts("t", "q")])
def test_json_keeps_everything(facts: StudyFacts) -> None:
    text = facts.to_json()
    assert StudyFacts.from_json(text) == facts
    assert StudyFacts.from_json(text).to_json() == text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"titel": "x"}, "unknown key 'titel'. Did you mean 'title'?"),
        (
            {"models": [{"name": "m", "label": "M", "role": "main", "kind": "cox", "formula": "x"}]},
            "role is 'main'; expected one of primary",
        ),
        ({"models": [{"name": "m", "label": "M", "role": "primary", "kind": "coxx", "formula": "x"}]}, "Did you mean 'cox'?"),
        ({"models": [{"name": "m"}]}, "key 'label' is missing"),
        ({"models": ["m"]}, "expected an object"),
        ({"confidence": 95}, "expected a level between 0 and 1"),
    ],
)
def test_wrong_facts_are_refused(change: dict[str, object], message: str) -> None:
    raw = {**json.loads(onset_facts().to_json()), **change}
    with pytest.raises(DataError, match=message.replace("?", r"\?").replace(".", r"\.")):
        StudyFacts.from_json(json.dumps(raw))


def test_missing_title_and_broken_json_are_refused() -> None:
    with pytest.raises(DataError, match="key 'title' is missing"):
        StudyFacts.from_json('{"question": "q"}')
    with pytest.raises(DataError, match="not valid JSON"):
        StudyFacts.from_json("{")


def test_two_models_with_one_name_are_refused() -> None:
    model = ModelFacts("m", "M", "primary", "cox", "x")
    with pytest.raises(DataError, match="model 'm' is listed 2 times"):
        StudyFacts("t", "q", models=(model, model))
