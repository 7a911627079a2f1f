"""Units of measurement: spellings, and factors between mass and amount of substance.

A unit is written in UCUM in the dictionary. Laboratories write it in a hundred ways; `canonical_unit` knows the common ones.
Between mass (pg/mL) and amount (pmol/L) the factor is the molar mass, which belongs to the analyte and not to the unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cobalamin.core.errors import DictionaryError

# g/mol. `verified` says whether the number was checked for this package against a source or only taken as common knowledge.
# Cyanocobalamin 1355.37: the sum of standard atomic weights of C63H88CoN14O14P is 1355.39, and the factor 0.7378 that follows
# reproduces three printed pairs (200 ng/L ~ 148 pmol/L, 180 ~ 133, 350 ~ 258); it is the custom of laboratories to convert serum
# B12 as cyanocobalamin although blood holds other cobalamins.
# The others are sums of standard atomic weights: folic acid C19H19N7O6, creatinine C4H7N3O, methylmalonic acid C4H6O4,
# homocysteine C4H9NO2S. Laboratories convert serum folate as folic acid by custom; the assay measures mostly 5-methyl-THF.


@dataclass(frozen=True)
class MolarMass:
    """Molar mass used to convert mass into amount of substance.

    Attributes
    ----------
    grams_per_mol : float
        The number.
    verified : bool
        Whether a source was read for it.
    source : str
        Where it comes from.
    """

    grams_per_mol: float
    verified: bool
    source: str


COBALAMIN = MolarMass(
    1355.37, True, "cyanocobalamin; atomic weights of C63H88CoN14O14P give 1355.39; factor agrees with printed unit pairs"
)
MOLAR_MASSES: Mapping[str, MolarMass] = {
    "b12": COBALAMIN,
    "holotc": COBALAMIN,
    "folate": MolarMass(441.40, False, "folic acid C19H19N7O6, sum of atomic weights; convention of laboratories"),
    "creatinine": MolarMass(113.12, False, "creatinine C4H7N3O, sum of atomic weights"),
    "mma": MolarMass(118.09, False, "methylmalonic acid C4H6O4, sum of atomic weights"),
    "homocysteine": MolarMass(135.18, False, "homocysteine C4H9NO2S, sum of atomic weights"),
}
# other names of the same analytes in column names
SYNONYMS = {"cobalamin": "b12", "vitamin_b12": "b12", "holotranscobalamin": "holotc", "hcy": "homocysteine", "methylmalonic": "mma"}

PREFIXES = {"": 1.0, "d": 1e-1, "c": 1e-2, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12, "f": 1e-15, "k": 1e3}
_AMOUNT = re.compile(r"(?P<prefix>[dcmunpfk]?)(?P<base>mol|g|\[IU\]|eq|L)")
_SPELLINGS = {"µ": "u", "μ": "u", "mcg": "ug", "mcmol": "umol", "micromol": "umol", "per": "/", " ": "", "·": ".", "^": ""}
_PRINTED = {"a": "years", "mo": "months", "wk": "weeks", "d": "days", "h": "hours"}
_WHOLE = {
    "l": "L",
    "ml": "mL",
    "dl": "dL",
    "ul": "uL",
    "fl": "fL",
    "iu": "[IU]",
    "kiu": "k[IU]",
    "miu": "m[IU]",
    "uiu": "u[IU]",
    "[iu]": "[IU]",
    "k[iu]": "k[IU]",
    "m[iu]": "m[IU]",
    "u[iu]": "u[IU]",
    "[arb'u]": "[arb'U]",
    "u": "[arb'U]",
    "au": "[arb'U]",
    "eu": "[arb'U]",
    "{ddd}": "{DDD}",
}


def canonical_unit(text: str) -> str:
    """Bring a unit to one UCUM spelling.

    Parameters
    ----------
    text : str
        A unit as a laboratory writes it.

    Returns
    -------
    str
        UCUM; a text that is not understood comes back trimmed, so that it can be compared and shown.

    Examples
    --------
    >>> [canonical_unit(u) for u in ("pMol/l", "µmol/L", "PG/ML", "ng per l", "kIU/L")]
    ['pmol/L', 'umol/L', 'pg/mL', 'ng/L', 'k[IU]/L']
    """
    plain = text.strip().lower()
    for written, meant in _SPELLINGS.items():
        plain = plain.replace(written, meant)
    return "/".join(_WHOLE.get(part, part) for part in plain.split("/"))


def printed_unit(unit: str) -> str:
    """Write a UCUM unit the way people print it.

    Parameters
    ----------
    unit : str
        UCUM.

    Returns
    -------
    str
        For labels only.

    Examples
    --------
    >>> [printed_unit(u) for u in ("umol/L", "kg/m2", "k[IU]/L", "a", "mm[Hg]", "{drinks}/d", "10*3/uL")]
    ['µmol/L', 'kg/m²', 'kIU/L', 'years', 'mmHg', 'drinks/d', '10³/µL']
    """
    if unit in _PRINTED:
        return _PRINTED[unit]
    text = re.sub(r"(^|/)u(?=mol|g|L|\[)", r"\1µ", unit.replace("[arb'U]", "U"))
    text = re.sub(r"[\[\]{}]", "", text).replace("10*", "10")
    raised = re.sub(r"(?<=m)([23])\b|(?<=10)([2-9])\b", lambda m: "²³⁴⁵⁶⁷⁸⁹"[int(m[0]) - 2], text)
    return raised


def conversion_factor(source: str, target: str, *, molar_mass: float | None = None) -> float:
    """Return the number that turns a value in one unit into the other.

    Parameters
    ----------
    source, target : str
        Units in any common spelling.
    molar_mass : float, optional
        g/mol of the analyte; needed between mass and amount of substance.

    Returns
    -------
    float
        ``value_in_target = factor * value_in_source``.

    Raises
    ------
    DictionaryError
        A unit that is not known, units of different kinds, or a molar mass that is needed and not given.

    Notes
    -----
    pmol/L = pg/mL x 1000 / M; with M = 1355.37 g/mol for cyanocobalamin the factor is 0.7378. pg/mL equals ng/L.

    Examples
    --------
    >>> round(conversion_factor("pg/mL", "pmol/L", molar_mass=1355.37), 4)
    0.7378
    >>> round(conversion_factor("umol/L", "nmol/L"), 9)
    1000.0
    """
    start, end = canonical_unit(source), canonical_unit(target)
    if start == end:
        return 1.0
    (scale_from, kind_from), (scale_to, kind_to) = _parse(start), _parse(end)
    if kind_from == kind_to:
        return scale_from / scale_to
    if {kind_from, kind_to} != {"g/L", "mol/L"}:
        raise DictionaryError(f"'{source}' cannot be converted to '{target}': they measure different things.")
    if molar_mass is None:
        raise DictionaryError(f"'{source}' to '{target}' needs the molar mass of the analyte, and none is known for it.")
    return scale_from / scale_to * (molar_mass if kind_from == "mol/L" else 1.0 / molar_mass)


def _parse(unit: str) -> tuple[float, str]:
    # -> (scale, kind): 'pg/mL' -> (1e-9, 'g/L')
    scale, kinds = 1.0, []
    for i, part in enumerate(unit.split("/")):
        amount = _AMOUNT.fullmatch(part)
        if amount is None:
            raise DictionaryError(f"unit '{unit}' is not known to the unit table, so nothing can be converted from or to it.")
        factor = PREFIXES[amount["prefix"]]
        scale = scale * factor if i == 0 else scale / factor
        kinds.append(amount["base"])
    return scale, "/".join(kinds)


def molar_mass_of(name: str) -> float | None:
    """Return the molar mass of an analyte or column by its name.

    Parameters
    ----------
    name : str
        Analyte or column name; ``b12_pmol_l`` counts as ``b12``.

    Returns
    -------
    float or None
        g/mol, None where the table has no such analyte.

    Examples
    --------
    >>> molar_mass_of("serum_b12")
    1355.37
    """
    words = re.split(r"[^a-z0-9]+", name.lower())
    for known in (*MOLAR_MASSES, *SYNONYMS):
        if known in words or known == name.lower():
            return MOLAR_MASSES[SYNONYMS.get(known, known)].grams_per_mol
    return None
