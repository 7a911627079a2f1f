"""From a cohort and a model of the protocol to a Fit: which rows, which columns of follow-up, which variance."""

from __future__ import annotations

import warnings

import pandas as pd

from cobalamin.core.errors import CobalaminWarning, ProtocolError, did_you_mean
from cobalamin.design.cohort import Cohort
from cobalamin.design.design import Design
from cobalamin.models.cox.cox import cox
from cobalamin.models.fit import Fit
from cobalamin.models.regression.regression import logistic
from cobalamin.models.survey import Survey
from cobalamin.study.protocol import ModelSection

OUTCOME = "outcome_event"


def fit_model(model: ModelSection, cohort: Cohort) -> Fit:
    """Fit one model of the protocol.

    Parameters
    ----------
    model : ModelSection
        The model.
    cohort : Cohort
        The cohort of its lag and restriction.

    Returns
    -------
    Fit
        Warnings stand on it; none is shown here, because they go to the results.
    """
    survey = _survey(cohort.design) if model.survey else None
    data = model_frame(cohort, whole=survey is not None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CobalaminWarning)
        if model.kind == "logistic":
            return logistic(model.formula, data, cluster=model.cluster, survey=survey)
        return cox(
            model.formula,
            data,
            entry="entry",
            exit="exit",
            event=OUTCOME,
            strata=list(model.strata) or None,
            cluster=model.cluster,
            survey=survey,
            ties=model.ties,
        )


def refuse_unknown_show(model: ModelSection, fit: Fit) -> None:
    """Refuse a protocol that wants to show a term its model does not have.

    Parameters
    ----------
    model : ModelSection
        The model of the protocol.
    fit : Fit
        What came of it.

    Raises
    ------
    ProtocolError
        A name in ``show`` that is no term; the nearest is suggested.
    """
    terms = list(dict.fromkeys(fit.estimates(analysis="", model="", outcome="").where(context="estimate").frame["term"]))
    for name in model.show:
        if name not in terms:
            raise ProtocolError(f"[model.{model.name}] show: '{name}' is not a term of '{model.formula}'.{did_you_mean(name, terms)}")


def model_frame(cohort: Cohort, *, whole: bool = False) -> pd.DataFrame:
    """Return the rows models are fitted on, with the outcome as 0/1.

    Parameters
    ----------
    cohort : Cohort
        A cohort; its event codes above 1 are competing events.
    whole : bool
        Whether people outside the cohort stand there too (survey designs), with ``in_cohort`` 0.

    Returns
    -------
    DataFrame
        The cohort's columns and ``outcome_event``: 1 = outcome; competing events end follow-up (cause-specific hazard).
    """
    data = cohort.with_outsiders() if whole else cohort.data
    return data.assign(**{OUTCOME: (data["event"] == 1).astype(float).where(data["event"].notna())})


def _survey(design: Design) -> Survey:
    columns = design.survey
    if columns is None:  # the protocol was checked for it
        raise AssertionError("survey model without survey columns")
    return Survey(strata=columns.strata or None, psu=columns.psu or None, weights=columns.weights, domain="in_cohort")
