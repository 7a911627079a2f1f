"""The lines of the table: what we do, what the peers do, and by how much we are to be faster."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tests.benchmarks.cohorts import cohort, outcomes
from tests.benchmarks.peers import Peer


@dataclass(frozen=True)
class Case:
    """One job. `ours` takes the data; `needs` are modules and names that it calls, which may not exist yet."""

    label: str
    n: int
    quick: int
    ours: Callable[[pd.DataFrame], Any]
    peers: tuple[Peer, ...]
    make: Callable[[int], pd.DataFrame] = cohort
    needs: str = ""
    per: int = 1

    @property
    def missing(self) -> str:
        """Why the case cannot run; empty where it can."""
        module, _, name = self.needs.partition(":")
        try:
            found = not self.needs or hasattr(importlib.import_module(module), name)
        except ImportError:
            found = False
        return "" if found else f"cobalamin has no {name} yet"


def call(where: str, *given: Any, **named: Any) -> Any:
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)(*given, **named)


def terms(p: int = 10) -> str:
    """Formula of p covariates."""
    return " + ".join(f"x{j}" for j in range(p))


COX = "cobalamin.models.cox.cox:cox"
FINE_GRAY = "cobalamin.models.competing.fine_gray:fine_gray"
INCIDENCE = "cobalamin.models.competing.cumulative_incidence:cumulative_incidence"
SPLIT = "cobalamin.models.tables.person_time:split_person_time"
BOOTSTRAP = "cobalamin.models.after.bootstrap:bootstrap"
IMPUTE = "cobalamin:impute"
T = terms()
LIST = str([f"x{j}" for j in range(10)])
SURVIVAL = "library(survival)"
DRAWS = 10
LIFELINES = "from lifelines import CoxPHFitter\nglobals().update(CoxPHFitter=CoxPHFitter)"
STATSPAI = "import statspai as sp\nglobals().update(sp=sp)"


def _cox(**named: Any) -> Callable[[pd.DataFrame], Any]:
    return lambda data: call(COX, T, data, event="event", **named)


def _resampled(data: pd.DataFrame) -> Any:
    def fit(d: pd.DataFrame) -> Any:
        return call(COX, T, d, exit="days", event="event").coefficients

    return call(BOOTSTRAP, fit, data, replicates=DRAWS - 1, seed=1)


STATSPAI_COX = f'sp.cox(data=d, duration="days", event="event", x={LIST})'
COX_CASES = tuple(
    Case(
        f"Cox, Efron, n={n:.0e}",
        n,
        10_000,
        _cox(exit="days"),
        (
            Peer("R survival", "R", f"coxph(Surv(days, event) ~ {T}, d)", SURVIVAL, 12.0 if n == 1_000_000 else None),
            Peer(
                "lifelines",
                "python",
                f'CoxPHFitter().fit(d[{LIST} + ["days", "event"]], "days", "event")',
                LIFELINES,
                5.0 if n == 1_000_000 else None,
            ),
            Peer("StatsPAI", "other python", STATSPAI_COX, STATSPAI, 5.0 if n == 1_000_000 else None),
        ),
    )
    for n in (100_000, 1_000_000)
)
LATE_CASES = tuple(
    Case(
        f"Cox, left truncation, n={n:.0e}",
        n,
        10_000,
        _cox(exit="exit", entry="entry"),
        (
            Peer("R survival", "R", f"coxph(Surv(entry, exit, event) ~ {T}, d)", SURVIVAL, 8.0 if n == 100_000 else 15.0),
            *(
                (
                    Peer(
                        "lifelines",
                        "python",
                        f'CoxPHFitter().fit(d[{LIST} + ["entry", "exit", "event"]], "exit", "event", entry_col="entry")',
                        LIFELINES,
                        500.0,
                        slow=True,
                    ),
                )
                if n == 100_000
                else ()
            ),
            Peer(
                "StatsPAI",
                "other python",
                f'sp.cox(data=d, duration="exit", start="entry", event="event", x={LIST})',
                STATSPAI,
            ),
        ),
    )
    for n in (100_000, 1_000_000)
)
MORE_COX = (
    Case(
        "Cox, cluster-robust variance, n=1e+05",
        100_000,
        10_000,
        _cox(exit="days", cluster="group"),
        (
            Peer("R survival", "R", f"coxph(Surv(days, event) ~ {T}, d, cluster = group)", SURVIVAL, 60.0),
            Peer("StatsPAI", "other python", STATSPAI_COX[:-1] + ', cluster="group")', STATSPAI, 3.0),
        ),
    ),
    Case(
        "Cox, Efron, 1,000 strata, n=1e+06",
        1_000_000,
        50_000,
        _cox(exit="days", strata="stratum"),
        (Peer("R survival", "R", f"coxph(Surv(days, event) ~ {T} + strata(stratum), d)", SURVIVAL),),
    ),
    Case(
        "Cox, Efron, 50 covariates, n=1e+05",
        100_000,
        20_000,
        lambda data: call(COX, terms(50), data, exit="days", event="event"),
        (Peer("R survival", "R", f"coxph(Surv(days, event) ~ {terms(50)}, d)", SURVIVAL),),
        make=lambda n: cohort(n, 50),
    ),
    Case(
        "bootstrap of Cox, n=5e+04, per replicate",
        50_000,
        10_000,
        _resampled,
        (
            Peer(
                "R survival",
                "R",
                f"for (i in 1:{DRAWS}) coxph(Surv(days, event) ~ {T}, d[sample(nrow(d), replace = TRUE), ])",
                SURVIVAL,
                8.0,
            ),
        ),
        needs=BOOTSTRAP,
        per=DRAWS,
    ),
)
IMPORTED = "globals().update(FineGrayRegression=FineGrayRegression)"
EXPANDED = f"""
    e <- finegray(Surv(days, factor(kind)) ~ ., d, etype = 1)
    coxph(Surv(fgstart, fgstop, fgstatus) ~ {T}, e, weights = fgwt)"""


def _fine_gray_peers(n: int) -> tuple[Peer, ...]:
    ready = f"x, t, e = d[{LIST}].to_numpy(), d['days'].to_numpy(), d['kind'].to_numpy().astype(int)\nglobals().update(x=x, t=t, e=e)"
    robust = "FineGrayRegression(robust_se=True).fit(x, time=t, event=e)"
    # compiled at its first call, which is not timed
    quick = Peer("comprisk robust", "other python", robust, f"from comprisk import FineGrayRegression\n{IMPORTED}\n{ready}\nfit()", 1.0)
    if n > 20_000:
        return (quick,)
    crr = Peer("R crr", "R", "crr(d$days, d$kind, as.matrix(d[, 1:10]))", "library(cmprsk)", slow=True)
    return Peer("R finegray + coxph", "R", EXPANDED, SURVIVAL, 50.0), crr, quick


def _fine_gray(data: pd.DataFrame) -> Any:
    return call(FINE_GRAY, T, data, exit="days", event="kind")


COMPETING = (
    *(Case(f"Fine-Gray with variance, n={n:.0e}", n, 5000, _fine_gray, _fine_gray_peers(n)) for n in (20_000, 100_000)),
    Case(
        "Aalen-Johansen with SE, n=1e+05",
        100_000,
        10_000,
        lambda data: call(INCIDENCE, data, exit="days", event="kind"),
        (Peer("R survfit", "R", "survfit(Surv(days, factor(kind)) ~ 1, d)", SURVIVAL, 50.0),),
    ),
)
YEARS = np.arange(20, 95) * 365.25
# both sides begin with the data frame: in R it has to become a Lexis object first
LEXIS = "Lexis(entry = list(age = entry), exit = list(age = exit), entry.status = 0, exit.status = event, data = d, notes = FALSE)"
SPLITTERS = "library(Epi); library(popEpi)"
TABLES = (
    Case(
        "person-time split, n=1e+05 by year of age",
        100_000,
        5000,
        lambda data: call(SPLIT, data, entry="entry", exit="exit", event="event", breaks=YEARS),
        (
            Peer("R popEpi", "R", f"splitMulti({LEXIS}, age = (20:94) * 365.25)", SPLITTERS, 25.0),
            Peer("R Epi", "R", f"splitLexis({LEXIS}, breaks = (20:94) * 365.25, time.scale = 'age')", SPLITTERS, slow=True),
        ),
        make=lambda n: cohort(n)[["entry", "exit", "event"]],  # the contract is about splitting, not about copying covariates
        needs=SPLIT,
    ),
    Case(
        "multiple imputation, n=2e+04, m=5, 5 cycles",
        20_000,
        2000,
        lambda data: call(IMPUTE, data, m=5),
        (Peer("R mice", "R", "mice(d, m = 5, maxit = 5, printFlag = FALSE)", "library(mice)", 3.0),),
        needs=IMPUTE,
    ),
)


def _association(label: str, n: int, needs: str, formula: str, peers: tuple[Peer, ...], **named: Any) -> Case:
    return Case(f"{label}, n={n:.0e}", n, n // 20, lambda data: call(needs, formula, data, **named), peers, make=outcomes, needs=needs)


SM = "import statsmodels.api as sm, statsmodels.formula.api as smf\nglobals().update(sm=sm, smf=smf)"
ASSOCIATION = (
    _association(
        "logistic",
        1_000_000,
        "cobalamin.models.regression.regression:logistic",
        f"yes ~ {T}",
        (
            Peer("R glm", "R", f"glm(yes ~ {T}, binomial, d)"),
            Peer("statsmodels", "python", f'smf.glm("yes ~ {T}", d, family=sm.families.Binomial()).fit()', SM),
        ),
    ),
    _association(
        "Poisson",
        1_000_000,
        "cobalamin.models.regression.rates:poisson",
        f"count ~ {T}",
        (
            Peer("R glm", "R", f"glm(count ~ {T}, poisson, d)"),
            Peer("statsmodels", "python", f'smf.glm("count ~ {T}", d, family=sm.families.Poisson()).fit()', SM),
        ),
    ),
    Case(
        "proportional odds, n=1e+05",
        100_000,
        5000,
        lambda data: call(
            "cobalamin.models.ordinal.ordinal:ordinal", f"grade ~ {T}", data.assign(grade=pd.Categorical(data["grade"], ordered=True))
        ),
        (
            Peer("R polr", "R", f"polr(factor(grade) ~ {T}, d, Hess = TRUE)", "library(MASS)"),
            Peer(
                "statsmodels",
                "python",
                f'OrderedModel(d["grade"].astype(int), d[{LIST}], distr="logit").fit(method="bfgs", disp=False)',
                "from statsmodels.miscmodels.ordinal_model import OrderedModel\nglobals().update(OrderedModel=OrderedModel)",
                slow=True,
            ),
        ),
        make=outcomes,
        needs="cobalamin.models.ordinal.ordinal:ordinal",
    ),
    _association(
        "mixed model, 5 rows a person",
        100_000,
        "cobalamin.models.repeated.mixed:mixed",
        f"score ~ {T}",
        (
            Peer("R lme4", "R", f"lmer(score ~ {T} + (1 | person), d)", "library(lme4)"),
            Peer("statsmodels", "python", f'smf.mixedlm("score ~ {T}", d, groups=d["person"]).fit()', SM, slow=True),
        ),
        group="person",
    ),
)
CASES = (*COX_CASES, *LATE_CASES, *MORE_COX, *COMPETING, *TABLES, *ASSOCIATION)
