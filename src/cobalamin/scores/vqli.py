"""VQLI, the Vulvar Quality of Life Index: 15 questions, each 0 to 3, total 0 to 45."""

from __future__ import annotations

from cobalamin.scores.score import READ, UNVERIFIED, Bands, Fact, Item, Score

THESIS = "Harris 2017, thesis"

VQLI = Score(
    name="vqli",
    title="Vulvar Quality of Life Index (VQLI)",
    items=tuple(Item(f"vqli_{k}", f"Question {k}", 3) for k in range(1, 16)),
    citation=THESIS,
    range_fact=Fact("15 questions, each 0 to 3, so 0 to 45.", UNVERIFIED),
    bands=Bands(
        (0, 6, 14, 24, 38),
        ("0 to 5", "6 to 13", "14 to 23", "24 to 37", "38 to 45"),
        Fact("Limits 5/6, 13/14, 23/24 and 37/38.", UNVERIFIED),
    ),
    facts=(
        Fact("Bands were set against the DLQI in 516 women.", READ, THESIS),
        Fact("Untreated lichen sclerosus: median 13.5 (7.5 to 22).", READ, THESIS),
    ),
)
