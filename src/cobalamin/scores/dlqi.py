"""DLQI, the Dermatology Life Quality Index: 10 questions, each 0 to 3, total 0 to 30."""

from __future__ import annotations

from cobalamin.scores.score import SECONDARY, UNVERIFIED, Bands, Fact, Item, Score

CITATION = "Finlay AY, Khan GK. Clin Exp Dermatol 1994;19:210-216"
PAGE = "the owners' information page (dermatology.org.uk)"

DLQI = Score(
    name="dlqi",
    title="Dermatology Life Quality Index (DLQI)",
    items=tuple(Item(f"dlqi_{k}", f"Question {k}", 3) for k in range(1, 11)),
    citation=CITATION,
    doi="10.1111/j.1365-2230.1994.tb01167.x",
    range_fact=Fact("10 questions about the last week, each 0 to 3 ('not relevant' is 0), so 0 to 30.", SECONDARY, PAGE),
    bands=Bands(
        (0, 2, 6, 11, 21),
        ("no effect", "small effect", "moderate effect", "very large effect", "extremely large effect"),
        Fact("Effect on life: 0-1 none, 2-5 small, 6-10 moderate, 11-20 very large, 21-30 extremely large.", SECONDARY, "a nursing text"),
    ),
    facts=(
        Fact("Validated for adults from the age of 16.", SECONDARY, PAGE),
        Fact("Smallest important difference 4.", UNVERIFIED),
        Fact("Citation and DOI.", UNVERIFIED),
    ),
)
