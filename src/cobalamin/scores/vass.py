"""VASS, the Vulvar Architecture Severity Scale: six regions, each 0 to 3, total 0 to 18."""

from __future__ import annotations

from cobalamin.scores.score import DERIVED, READ, UNVERIFIED, Fact, Item, Score

CITATION = "Almadori A, Zenner N, Boyle D, et al. Aesthet Surg J 2020;40:1319-1326"
DOI = "10.1093/asj/sjz342"

VASS = Score(
    name="vass",
    title="Vulvar Architecture Severity Scale (VASS)",
    items=tuple(Item(f"vass_region_{k}", f"Region {k}", 3) for k in range(1, 7)),
    citation=CITATION,
    doi=DOI,
    range_fact=Fact("Six regions with four levels each (0 to 3), so 0 to 18.", DERIVED, CITATION),
    facts=(
        Fact("Correlation within raters 0.994; between raters ICC 0.928 and 0.944; 14 observers, 25 patients.", READ, CITATION),
        Fact("Names of the regions: map your own columns to them.", UNVERIFIED),
        Fact("Volume and pages of the citation.", UNVERIFIED),
        Fact("It grades architecture, which treatment seldom changes; do not read it as activity.", UNVERIFIED),
    ),
)
