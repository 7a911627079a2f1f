"""The instruments by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from cobalamin.core.errors import DataError, did_you_mean, list_names
from cobalamin.scores.clissco import CLISSCO
from cobalamin.scores.dlqi import DLQI
from cobalamin.scores.gunthert import GUNTHERT
from cobalamin.scores.itch import ITCH_NRS
from cobalamin.scores.score import Score
from cobalamin.scores.vass import VASS
from cobalamin.scores.vqli import VQLI

SCORES: Mapping[str, Score] = MappingProxyType({score.name: score for score in (CLISSCO, GUNTHERT, VASS, VQLI, DLQI, ITCH_NRS)})


def get_score(name: str | Score) -> Score:
    """Return an instrument by its name.

    Parameters
    ----------
    name : str or Score
        Short name; a `Score` of your own is returned as it is.

    Returns
    -------
    Score
        The instrument.

    Raises
    ------
    DataError
        There is no instrument of that name.

    Examples
    --------
    >>> get_score("clissco").high
    48
    """
    if isinstance(name, Score):
        return name
    if name not in SCORES:
        raise DataError(f"no severity score is called '{name}'.{did_you_mean(name, SCORES)} Known: {list_names(SCORES)}.")
    return SCORES[name]


def scores() -> pd.DataFrame:
    """List the instruments with what is verified of each.

    Returns
    -------
    DataFrame
        One row per fact: score, title, items, low, high, fact, status, source.

    Examples
    --------
    >>> scores().drop_duplicates("score")[["score", "items", "high"]].to_string(index=False, header=False).split()[:3]
    ['clissco', '12', '48']
    """
    rows = [
        {
            "score": score.name,
            "title": score.title,
            "items": len(score.items),
            "low": 0,
            "high": score.high,
            "fact": fact.text,
            "status": fact.status,
            "source": fact.source,
        }
        for score in SCORES.values()
        for fact in (score.range_fact, *([score.bands.fact] if score.bands else []), *score.facts)
    ]
    return pd.DataFrame(rows)
