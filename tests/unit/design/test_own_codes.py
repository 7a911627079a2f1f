"""A covariate or exposure by the codes of the outcome, or of a competing event, is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.studies import copy_study

from cobalamin.core.errors import DesignError
from cobalamin.study.study import load_study

THYROID = 'codes = "autoimmune_thyroid_disease", code_system = "code_system" }'


@pytest.mark.parametrize(
    "codes", ['codes = "lichen_sclerosus", code_system = "code_system" }', 'codes = ["L90.0"], code_system = "code_system" }']
)
def test_the_outcomes_own_codes_are_no_covariate(tmp_path: Path, codes: str) -> None:
    folder = copy_study("onset", tmp_path, persons=300, changes={THYROID: codes})
    with pytest.raises(DesignError, match="'thyroid' is defined by the codes of 'lichen sclerosus' itself"):
        load_study(folder).cohort()


def test_other_codes_of_the_same_table_are_covariates(tmp_path: Path) -> None:
    folder = copy_study("onset", tmp_path, persons=2000, changes={THYROID: 'codes = ["L90.0", "E06.3"], code_system = "code_system" }'})
    assert "thyroid" in load_study(folder).cohort().data
