"""Code lists match as prefixes and only by verified codes; units convert there and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from cobalamin.core.errors import DictionaryError, SourceError
from cobalamin.dictionary.codelist import CodeList, load_codelist
from cobalamin.dictionary.units import MOLAR_MASSES, canonical_unit, conversion_factor, molar_mass_of

PROJECT = Path(__file__).resolve().parents[3]
LISTS = PROJECT / "data_dictionary" / "codelists"
HEAD = "system,code,label,status,source\n"
ROUNDED = 0.5  # the printed pairs are whole numbers
EXACT = 1e-12


def codelist(folder: Path, rows: str) -> CodeList:
    file = folder / "x.csv"
    file.write_text(HEAD + rows, encoding="utf-8")
    return load_codelist(file)


class TestMatching:
    """Recorded code, its system, and whether the list icd10 L90.0, icd10cm N90.4, snomed 895454001 holds it."""

    ROWS = "icd10,L90.0,a,verified,s\nicd10cm,N90.4,b,verified,s\nsnomed,895454001,c,verified,s\nicd10,L98.1,d,unverified,s\n"

    @pytest.mark.parametrize(
        ("code", "system", "expected"),
        [
            ("L90.0", "icd10", True),
            ("l900", "ICD-10", True),
            (" L90.01 ", "icd10", True),
            ("L90.0+", "icd10", True),
            ("L90", "icd10", False),
            ("L90.1", "icd10", False),
            ("L90.0", "icd10cm", False),
            ("N90.4", "icd10", False),
            ("N90.4", "icd10cm", True),
            ("895454001", "snomed-ct", True),
            ("8954540011", "snomed", False),
            ("L98.1", "icd10", False),
            (None, "icd10", False),
            ("L90.0", None, False),
        ],
    )
    def test_by_system(self, tmp_path: Path, code: str | None, system: str | None, expected: bool) -> None:
        found = codelist(tmp_path, self.ROWS).matches(pd.Series([code, "X"]), systems=pd.Series([system, "icd10"]))
        assert found.tolist() == [expected, False]

    def test_without_systems_every_system_is_tried(self, tmp_path: Path) -> None:
        found = codelist(tmp_path, self.ROWS).matches(pd.Series(["N904", "L900", "K1", None], index=[5, 6, 7, 8]))
        assert found.to_dict() == {5: True, 6: True, 7: False, 8: False}

    def test_one_system_for_all(self, tmp_path: Path) -> None:
        assert codelist(tmp_path, self.ROWS).matches(pd.Series(["N904", "L900"]), systems="icd10").tolist() == [False, True]

    def test_categories_and_numbers_are_codes_too(self, tmp_path: Path) -> None:
        lists = codelist(tmp_path, self.ROWS)
        assert lists.matches(pd.Series(["L900", "K1"], dtype="category")).tolist() == [True, False]
        assert lists.matches(pd.Series([895454001, 5])).tolist() == [True, False]

    def test_no_codes_no_matches(self, tmp_path: Path) -> None:
        assert codelist(tmp_path, self.ROWS).matches(pd.Series([], dtype=object)).tolist() == []
        assert codelist(tmp_path, self.ROWS).matches(pd.Series([], dtype=object), systems=pd.Series([], dtype=object)).tolist() == []

    def test_unverified_codes_wait_to_be_asked_for(self, tmp_path: Path) -> None:
        lists = codelist(tmp_path, self.ROWS)
        assert lists.matches(pd.Series(["L98.1"]), status=("verified", "unverified")).tolist() == [True]
        with pytest.raises(DictionaryError, match="none of its 1 codes is verified"):
            codelist(tmp_path, "icd10,L98.1,d,unverified,s\n").matches(pd.Series(["L98.1"]))
        with pytest.raises(DictionaryError, match="Did you mean 'verified'"):
            lists.active(["verifed"])


class TestFiles:
    @pytest.mark.parametrize(
        ("rows", "message"),
        [
            ("icd10,L90.0,a,checked,s\n", "line 2: status 'checked' is not one of"),
            ("icd10,,a,verified,s\n", "line 2: code is empty"),
            ("icd10,L90.0,a, b,verified,s\n", "put texts with commas in quotes"),
            ("icd10,L90.0,a,verified,s\nICD-10,L900,a,verified,s\n", "is given twice"),
            ("", "has no codes"),
        ],
    )
    def test_faults(self, tmp_path: Path, rows: str, message: str) -> None:
        with pytest.raises(DictionaryError, match=message):
            codelist(tmp_path, rows)

    def test_absent_columns_and_files(self, tmp_path: Path) -> None:
        (tmp_path / "x.csv").write_text("code,label\n1,a\n")
        with pytest.raises(DictionaryError, match="column system, status, source is missing"):
            load_codelist(tmp_path / "x.csv")
        with pytest.raises(SourceError, match=r"not found: .*y\.csv"):
            load_codelist(tmp_path / "y.csv")

    @pytest.mark.parametrize("path", sorted(LISTS.glob("*.csv")), ids=lambda p: p.stem)
    def test_every_shipped_list_can_be_used_and_names_its_sources(self, path: Path) -> None:
        codes = load_codelist(path)
        assert codes.active() and all(c.source for c in codes.codes)

    def test_lichen_sclerosus_is_l900_in_icd10_and_split_in_the_american_version(self) -> None:
        lists = load_codelist(LISTS / "lichen_sclerosus.csv")
        found = lists.matches(pd.Series(["L90.0", "N90.4", "N48.0", "L98.1"]), systems="icd10")
        american = lists.matches(pd.Series(["L90.0", "N90.4", "N48.0", "L98.1"]), systems="icd10cm")
        assert found.tolist() == [True, False, False, False] and american.tolist() == [True, True, True, False]


class TestUnits:
    @pytest.mark.parametrize(("ng_per_litre", "pmol_per_litre"), [(200, 148), (180, 133), (350, 258)])
    def test_b12_pairs_printed_in_the_literature(self, ng_per_litre: float, pmol_per_litre: float) -> None:
        factor = conversion_factor("ng/L", "pmol/L", molar_mass=MOLAR_MASSES["b12"].grams_per_mol)
        assert_allclose(ng_per_litre * factor, pmol_per_litre, atol=ROUNDED)

    def test_the_molar_mass_is_that_of_cyanocobalamin(self) -> None:
        weights = {"C": (63, 12.011), "H": (88, 1.008), "Co": (1, 58.933), "N": (14, 14.007), "O": (14, 15.999), "P": (1, 30.974)}
        assert_allclose(MOLAR_MASSES["b12"].grams_per_mol, sum(n * w for n, w in weights.values()), rtol=2e-5)

    @pytest.mark.parametrize(
        ("source", "target", "factor"),
        [
            ("umol/L", "nmol/L", 1000),
            ("pg/mL", "ng/L", 1),
            ("g/dL", "g/L", 10),
            ("[IU]/mL", "k[IU]/L", 1),
            ("ug/L", "ng/mL", 1),
            ("nmol/l", "pmol/L", 1000),
        ],
    )
    def test_factors_without_molar_mass(self, source: str, target: str, factor: float) -> None:
        assert_allclose(conversion_factor(source, target), factor, rtol=EXACT)

    def test_creatinine(self) -> None:
        assert_allclose(conversion_factor("mg/dL", "umol/L", molar_mass=113.12), 88.4, atol=0.01)

    @given(
        st.sampled_from(["pg/mL", "ng/L", "pmol/L", "nmol/L", "ug/dL", "umol/L"]), st.sampled_from(["pg/mL", "ng/L", "pmol/L", "nmol/L"])
    )
    def test_there_and_back(self, a: str, b: str) -> None:
        there, back = conversion_factor(a, b, molar_mass=1355.37), conversion_factor(b, a, molar_mass=1355.37)
        assert_allclose(there * back, 1.0, rtol=EXACT)

    @pytest.mark.parametrize("text", ["pg/mL", "PG/ML", " pg/ml ", "pg / mL", "pg per ml"])
    def test_spellings(self, text: str) -> None:
        assert canonical_unit(text) == "pg/mL"

    @given(st.text(max_size=20))
    def test_any_text_has_one_spelling(self, text: str) -> None:
        assert canonical_unit(canonical_unit(text)) == canonical_unit(text)

    def test_what_cannot_be_converted_is_refused(self) -> None:
        with pytest.raises(DictionaryError, match="needs the molar mass"):
            conversion_factor("pg/mL", "pmol/L")
        with pytest.raises(DictionaryError, match="measure different things"):
            conversion_factor("pg/mL", "k[IU]/L", molar_mass=1.0)
        with pytest.raises(DictionaryError, match="is not known"):
            conversion_factor("furlong", "pmol/L")

    @pytest.mark.parametrize(
        ("name", "known"), [("b12", True), ("serum_B12", True), ("vitamin_b12", True), ("hcy", True), ("age", False), ("ab12x", False)]
    )
    def test_molar_mass_by_name(self, name: str, known: bool) -> None:
        assert (molar_mass_of(name) is not None) == known

    def test_factors_are_finite_numbers(self) -> None:
        assert all(np.isfinite(m.grams_per_mol) and m.source for m in MOLAR_MASSES.values())
