"""One column of a table: what it means, what it may hold, and how missing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cobalamin.dictionary.units import printed_unit

ROLES = (
    "person_id",
    "row_id",
    "date",
    "birth",
    "sex",
    "exposure",
    "covariate",
    "outcome",
    "event_date",
    "end_of_follow_up",
    "follow_up",
    "weight",
    "stratum",
    "psu",
    "code",
    "code_system",
    "analyte",
    "result",
    "unit",
    "assay",
    "eligibility",
)
TYPES = ("integer", "number", "string", "boolean", "date")
DISCLOSURE = ("none", "quasi", "sensitive", "identifier")
# units that are only a name for a whole number of points or a pure number: a label is clearer without them
SILENT_UNITS = ("1", "{score}", "{count}")


@dataclass(frozen=True)
class Category:
    """One code of a coded column and the label people read.

    Attributes
    ----------
    value : str or int or float
        The code as stored.
    label : str
        What it means.
    """

    value: str | int | float
    label: str


@dataclass(frozen=True)
class MissingCode:
    """A code that says why a value is missing.

    Attributes
    ----------
    value : str
        The code as stored, as text.
    reason : str
        Why the value is missing (``refused``, ``not done``, ...).
    """

    value: str
    reason: str


@dataclass(frozen=True)
class Limits:
    """Two ends of a range, each of which may be open.

    Attributes
    ----------
    lower, upper : float or None
        In the canonical unit of the variable.
    """

    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class Analyte:
    """What one analyte of a long laboratory table looks like.

    Attributes
    ----------
    name : str
        The content of the analyte column.
    title : str
        Label for people.
    unit : str
        Canonical unit (UCUM).
    accepted_units : tuple of str
        Units that rows may come in.
    range : Limits
        Plausible values, canonical unit.
    detection : Limits or None
        Measuring range of the assay, canonical unit.
    molar_mass : float or None
        g/mol, for units of mass against units of amount.
    """

    name: str
    title: str
    unit: str
    accepted_units: tuple[str, ...] = ()
    range: Limits = Limits()
    detection: Limits | None = None
    molar_mass: float | None = None


@dataclass(frozen=True)
class Variable:
    """One column of a table, as the dictionary describes it.

    Attributes
    ----------
    name, title, description, type : str
        Column name, label, meaning, and one of ``TYPES``.
    date_format : str
        ``default`` (ISO 8601) or a pattern such as ``%Y%m%d``.
    required, unique : bool
        Constraints on single cells and on the column.
    range : Limits
        Smallest and largest number allowed, canonical unit.
    earliest, latest : str
        The same for dates, ISO 8601, or empty.
    pattern : str
        Regular expression that the whole text must match, or empty.
    categories : tuple of Category
        Codes with labels, in the declared order; empty for a column that is not coded.
    ordered : bool
        Whether the order of the categories means something.
    reference : str
        Label of the reference category, or empty.
    missing : tuple of MissingCode
        Codes that stand for missing, with reasons.
    unit, accepted_units, unit_column
        Canonical UCUM unit, units that rows may come in, and the column that holds the unit of each row.
    detection : Limits or None
        Measuring range; not None means that censored results are expected.
    analyte_column, analytes
        Column that names the analyte of each row, and the analytes by name.
    molar_mass : float or None
        g/mol, for units of mass against units of amount.
    code_lists : tuple of str
        Code lists that look into this column.
    role, disclosure, source : str
        What the column is for, how it may be shown, and where the definition comes from.
    """

    name: str
    type: str
    title: str = ""
    description: str = ""
    date_format: str = "default"
    required: bool = False
    unique: bool = False
    range: Limits = Limits()
    earliest: str = ""
    latest: str = ""
    pattern: str = ""
    categories: tuple[Category, ...] = ()
    ordered: bool = False
    reference: str = ""
    missing: tuple[MissingCode, ...] = ()
    unit: str = ""
    accepted_units: tuple[str, ...] = ()
    unit_column: str = ""
    detection: Limits | None = None
    analyte_column: str = ""
    analytes: Mapping[str, Analyte] = field(default_factory=lambda: MappingProxyType({}))
    molar_mass: float | None = None
    code_lists: tuple[str, ...] = ()
    role: str = ""
    disclosure: str = "none"
    source: str = ""

    @property
    def label(self) -> str:
        """Title with its unit, for tables and figures.

        Returns
        -------
        str
            ``"Body mass index (kg/m²)"``; the column name where there is no title.

        Examples
        --------
        >>> Variable("bmi", "number", title="Body mass index", unit="kg/m2").label
        'Body mass index (kg/m²)'
        """
        name = self.title or self.name
        return name if self.unit in ("", *SILENT_UNITS) else f"{name} ({printed_unit(self.unit)})"

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the categories, the reference first.

        Returns
        -------
        tuple of str
            Empty for a column that is not coded.

        Examples
        --------
        >>> codes = (Category(0, "no"), Category(1, "yes"))
        >>> Variable("x", "integer", categories=codes, reference="yes").labels
        ('yes', 'no')
        """
        # several codes may share one label (1 = yes, 2 = yes, in remission)
        labels = list(dict.fromkeys(c.label for c in self.categories))
        return tuple(sorted(labels, key=lambda label: label != self.reference))

    @property
    def is_ordered(self) -> bool:
        """Whether the labels, reference first, still stand in their declared order.

        A reference in the middle of the order comes first and the order is given up: models compare with the first level.

        Returns
        -------
        bool
            True for an ordered factor.
        """
        return self.ordered and self.labels == tuple(dict.fromkeys(c.label for c in self.categories))

    @property
    def censorable(self) -> bool:
        """Whether results below or above a measuring limit are expected in this column.

        Returns
        -------
        bool
            True for columns with detection limits and for laboratory results; they get a companion ``<name>_censored``.
        """
        limited = self.detection is not None or any(a.detection is not None for a in self.analytes.values())
        return self.type == "number" and (limited or self.role == "result" or bool(self.analytes))
