"""Itch on a numerical rating scale of 0 to 10."""

from __future__ import annotations

from cobalamin.scores.score import READ, UNVERIFIED, Fact, Item, Score

RIEPE = "Riepe C, et al. Acta Derm Venereol 2019, doi:10.2340/00015555-3332"

ITCH_NRS = Score(
    name="itch_nrs",
    title="Itch, numerical rating scale",
    items=(Item("itch_nrs", "Worst itch", 10),),
    citation=RIEPE,
    doi="10.2340/00015555-3332",
    whole=False,
    range_fact=Fact("0 (no itch) to 10 (worst imaginable itch).", READ, RIEPE),
    facts=(
        Fact("Smallest important difference 2 to 3 points, more where itch is worse; 192 people with chronic itch.", READ, RIEPE),
        Fact("Smallest important difference in lichen sclerosus.", UNVERIFIED),
    ),
)
