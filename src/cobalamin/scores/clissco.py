"""CLISSCO, the Clinical Lichen Sclerosus Score: symptoms, signs and architecture, each item 0 to 4, total 0 to 48."""

from __future__ import annotations

from cobalamin.scores.score import DERIVED, READ, UNVERIFIED, Fact, Item, Score

CITATION = "Erni B, Navarini AA, Huang D, Schoetzau A, Kind A, Mueller SM. Dermatol Ther 2021;34:e14773"

# The items were not read in the source (its abstract gives their number only), so they carry numbers and the user maps columns.
_PARTS = {"symptoms": ("symptom", "Symptom", 3), "signs": ("sign", "Sign", 3), "architecture": ("architecture", "Architectural change", 6)}

CLISSCO = Score(
    name="clissco",
    title="Clinical Lichen Sclerosus Score (CLISSCO)",
    items=tuple(Item(f"clissco_{stem}_{k}", f"{title} {k}", 4, part) for part, (stem, title, n) in _PARTS.items() for k in range(1, n + 1)),
    citation=CITATION,
    range_fact=Fact("3 symptoms, 3 signs and 6 architectural changes, each 0 to 4, so 0 to 48.", DERIVED, CITATION),
    facts=(
        Fact("Made from 143 patients and validated by 16 raters; intraclass correlation called excellent for each item.", READ, CITATION),
        Fact("Names and grades of the items: map your own columns to them.", UNVERIFIED),
        Fact("Smallest important difference: none was found for lichen sclerosus.", UNVERIFIED),
        Fact(
            "Symptoms and signs are only loosely linked (225 patients), so the three parts are better analysed apart.", READ, "Virgili 2014"
        ),
    ),
)
