"""The physician's score of Günthert and colleagues: six clinical features, each 0 to 2, total 0 to 12."""

from __future__ import annotations

from cobalamin.scores.score import DERIVED, READ, Fact, Item, Score

CITATION = "Günthert AR, Duclos K, Jahns BG, et al. J Sex Med 2012;9:2342-2350"
DOI = "10.1111/j.1743-6109.2012.02814.x"
_FEATURES = ("erosions", "hyperkeratosis", "fissures", "agglutination", "stenosis", "atrophy")

GUNTHERT = Score(
    name="gunthert",
    title="Physician's clinical score (Günthert)",
    items=tuple(Item(f"gunthert_{feature}", feature.capitalize(), 2) for feature in _FEATURES),
    citation=CITATION,
    doi=DOI,
    range_fact=Fact("Six features, each graded 0, 1 or 2, so 0 to 12.", DERIVED, CITATION),
    facts=(
        Fact("Made to tell vulvar lichen sclerosus (24 patients) from other vulvar disease (49), not to measure change.", READ, CITATION),
        Fact("Above 4 the probability of vulvar lichen sclerosus was 90 percent in that sample.", READ, CITATION),
    ),
)
