"""Every number that shapes the simulated cohort, with its source or the word "assumption".

A protocol may set any of them by name. Ratios act on the hazard or on the B12 level; ``log2`` numbers are doublings.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass

from cobalamin.core.errors import SourceError, did_you_mean, list_names


@dataclass(frozen=True)
class SimulationParameters:
    """What the simulation assumes; the defaults contain no direct effect of B12 on lichen sclerosus (LS).

    Attributes
    ----------
    b12_effect : float
        Log hazard ratio of LS onset per doubling of long-term B12. Default 0: no direct effect (nothing is known).
    gastritis_hazard_ratio : float
        LS onset, autoimmune gastritis (AG) against none. Assumption, strong on purpose so that
        the bias can be seen; the pooled odds ratio for thyroid disease is 2.4.
    thyroid_hazard_ratio : float
        LS onset, autoimmune thyroid disease against none, AG held fixed. Assumption below the pooled 2.4, part of which is AG.
    bmi_hazard_ratio : float
        LS onset per 5 kg/m2. Assumption.
    onset_scale_female, onset_scale_male : float
        Factor on the baseline onset hazard. 1 gives diagnosed incidences near 114.4 and 47.2 per 100,000 person-years
        (Swedish register 2001-2020, doi:10.3390/jcm13102761).
    delay_median_woman, delay_median_man, delay_median_child : float
        Median years from onset to diagnosis (onset before 15 = child). Women about 2 (median 24 months, untreated), men
        below (mean 1.6 in one series), girls and boys 18 and 12.5 months on average.
    delay_sigma : float
        Standard deviation of the log of that delay; 1.4 makes the mean 2.7 times the median. Among
        the diagnosed women and girls the median is then 2.1 and the mean 4.1 years (series report means of 4 to 5).
    activity_years : float
        Time constant of disease activity, which grows by a factor e per so many years until it leads to diagnosis at
        activity 1. Assumption; activity drives symptoms, testing and the fall of B12 before diagnosis.
    reverse_b12_fall : float
        Fall of log2 B12 at activity 1 (diet, stress, treatment). Assumption: reverse causation.
    activity_testing_rate : float
        Extra B12 tests per year at activity 1. Assumption.
    gastritis_scale : float
        Factor on the prevalence of AG. 1 gives about 2 percent over the age of 60 (pernicious anaemia 1.9 percent, Toh 1997).
    gastritis_b12_fall : float
        Mean fall of log2 B12 by AG; each person's lies between half and one and a half of it. Assumption.
    gastritis_sensitivity : float
        Share of AG that can be recognised at all; the mildest rest never gets a code. Assumption.
    gastritis_workup_rate : float
        Yearly rate of a work-up that finds AG without an earlier B12 test (antibodies, anaemia). Assumption.
    gastritis_testing_rate : float
        Extra B12 tests per year after the onset of AG. Assumption.
    gastritis_treated : float
        Share of diagnosed AG treated with injections. Assumption.
    injection_b12_rise : float
        Rise of log2 B12 under injections, sampled before the next one: near the level before disease. Assumption.
    interference_probability : float
        Chance that untreated AG with antibodies reads falsely normal (22 to 35 percent of sera in Carmel 2012; lower here
        because only about half have antibodies to intrinsic factor).
    thyroid_hazard_ratio_in_gastritis : float
        Thyroid disease, AG against none. Gives roughly the 40 percent of Lahner 2009 (PMC2773890) in old age.
    b12_median : float
        Median long-term B12 of an omnivore without disease or drug, pmol/L. Assumption within published ranges (237-400).
    b12_between_cv, b12_within_cv, b12_analytical_cv : float
        Coefficients of variation: between persons 34.6, within 5.77, analytical 6.1 percent (doi:10.7754/Clin.Lab.2021.210102).
    metformin_b12_ratio : float
        B12 with metformin against without: -19 percent (de Jager 2010, doi:10.1136/bmj.c2181).
    ppi_b12_ratio : float
        B12 with long-term acid suppression. Assumption; the odds ratio of deficiency is 1.65 (Lam 2013).
    thyroid_b12_ratio : float
        B12 in hypothyroidism: -60.7 pg/mL is about -12 percent (doi:10.3389/fendo.2023.1070592).
    supplement_b12_ratio, vegetarian_b12_ratio, vegan_b12_ratio, smoking_b12_ratio, bmi_b12_ratio : float
        B12 against none, omnivore, never-smoker, and per 5 kg/m2. Assumptions; direction as published.
    testing_scale : float
        Factor on the rate of routine B12 tests (in women about 6 percent a year at 30, 24 percent at 75). Assumption.
    testing_low_b12 : float
        Log rate ratio of testing per halving of B12 (tiredness, anaemia). Assumption.
    testing_metformin_ratio : float
        Rate ratio of testing with metformin. Assumption.
    assay_b_ratio : float
        Reading of assay B against assay A (one pair of platforms differed by 14 percent).
    emigration_rate : float
        Per year. Assumption.
    covariate_missing : float
        Share of missing smoking, diet, supplement use, and (times 1.5) body mass index; completely at random. Assumption.
    severity_b12_effect : float
        Standard deviations of latent LS severity per doubling of long-term B12. Default 0: no effect.
    severity_treatment_effect : float
        Change of symptoms, in standard deviations, by very potent corticosteroid. Assumption.
    rater_sd : float
        Standard deviation of raters' bias, in points of an item. Assumption; raters disagree badly on photographs.
    """

    b12_effect: float = 0.0
    gastritis_hazard_ratio: float = 4.5
    thyroid_hazard_ratio: float = 1.6
    bmi_hazard_ratio: float = 1.1
    onset_scale_female: float = 1.0
    onset_scale_male: float = 1.0
    delay_median_woman: float = 2.5
    delay_median_man: float = 1.7
    delay_median_child: float = 1.2
    delay_sigma: float = 1.4
    activity_years: float = 1.2
    reverse_b12_fall: float = 0.5
    activity_testing_rate: float = 0.3
    gastritis_scale: float = 1.0
    gastritis_b12_fall: float = 1.0
    gastritis_sensitivity: float = 0.9
    gastritis_workup_rate: float = 0.03
    gastritis_testing_rate: float = 0.3
    gastritis_treated: float = 0.6
    injection_b12_rise: float = 0.8
    interference_probability: float = 0.15
    thyroid_hazard_ratio_in_gastritis: float = 6.0
    b12_median: float = 320.0
    b12_between_cv: float = 0.346
    b12_within_cv: float = 0.0577
    b12_analytical_cv: float = 0.061
    metformin_b12_ratio: float = 0.81
    ppi_b12_ratio: float = 0.92
    thyroid_b12_ratio: float = 0.88
    supplement_b12_ratio: float = 1.2
    vegetarian_b12_ratio: float = 0.85
    vegan_b12_ratio: float = 0.65
    smoking_b12_ratio: float = 0.97
    bmi_b12_ratio: float = 0.98
    testing_scale: float = 1.0
    testing_low_b12: float = 0.4
    testing_metformin_ratio: float = 2.0
    assay_b_ratio: float = 1.12
    emigration_rate: float = 0.004
    covariate_missing: float = 0.025
    severity_b12_effect: float = 0.0
    severity_treatment_effect: float = -0.8
    rater_sd: float = 0.3

    def truth(self) -> Mapping[str, float]:
        """The effects an analysis tries to find, by name."""
        return {
            "b12_log_hazard_ratio_per_doubling": self.b12_effect,
            "gastritis_log_hazard_ratio": math.log(self.gastritis_hazard_ratio),
            "thyroid_log_hazard_ratio": math.log(self.thyroid_hazard_ratio),
            "bmi_log_hazard_ratio_per_5": math.log(self.bmi_hazard_ratio),
            "b12_severity_per_doubling": self.severity_b12_effect,
            "treatment_severity": self.severity_treatment_effect,
        }


SHARES = ("gastritis_sensitivity", "gastritis_treated", "interference_probability", "covariate_missing")
SIGNED = (
    "b12_effect",
    "injection_b12_rise",
    "severity_b12_effect",
    "severity_treatment_effect",
    "reverse_b12_fall",
    "gastritis_b12_fall",
    "testing_low_b12",
)
MAY_BE_ZERO = (
    "testing_scale",
    "gastritis_scale",
    "onset_scale_female",
    "onset_scale_male",
    "activity_testing_rate",
    "gastritis_testing_rate",
    "gastritis_workup_rate",
    "emigration_rate",
    "rater_sd",
    "b12_within_cv",
    "b12_analytical_cv",
    "b12_between_cv",
    "delay_sigma",
)


def make_parameters(values: Mapping[str, float]) -> SimulationParameters:
    """Make parameters from names and numbers, as a protocol gives them.

    Parameters
    ----------
    values : mapping of str to float
        Only those that differ from the default.

    Returns
    -------
    SimulationParameters
        Checked.

    Raises
    ------
    SourceError
        An unknown name (the nearest is suggested), something that is not a finite number, or a number out of its range.

    Examples
    --------
    >>> make_parameters({"b12_effect": -0.3}).b12_effect
    -0.3
    """
    known = [f.name for f in dataclasses.fields(SimulationParameters)]
    for name, value in values.items():
        if name not in known:
            raise SourceError(f"the simulation has no parameter '{name}'.{did_you_mean(name, known)} It has {list_names(known, most=60)}.")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise SourceError(f"simulation parameter '{name}': expected a finite number, got {value!r}.")
        _refuse_out_of_range(name, float(value))
    return SimulationParameters(**{name: float(value) for name, value in values.items()})


def _refuse_out_of_range(name: str, value: float) -> None:
    if name in SHARES and not 0 <= value <= 1:
        raise SourceError(f"simulation parameter '{name}': expected a share between 0 and 1, got {value:g}.")
    if name in SIGNED and abs(value) > 5:
        raise SourceError(f"simulation parameter '{name}': expected between -5 and 5, got {value:g}.")
    if name in MAY_BE_ZERO and not 0 <= value <= 20:
        raise SourceError(f"simulation parameter '{name}': expected between 0 and 20, got {value:g}.")
    if name not in (*SHARES, *SIGNED, *MAY_BE_ZERO) and not 0 < value <= 1500:
        raise SourceError(f"simulation parameter '{name}': expected a positive number up to 1500, got {value:g}.")
