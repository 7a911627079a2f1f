"""What every section of a protocol is: fixed once read, and no key outside its list."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Positive = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """A part of the protocol: fixed once read, and no key outside its list."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
