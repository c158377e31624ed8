"""What the sections of the settings share: how a field says what it means and takes."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

#: A path that is the same wherever Bursar is started from, or none.
FILE = r"^([/~].*)?$"


def setting(default: Any, description: str, allowed: str, **limits: Any) -> Any:
    """A field with what it means and what it takes, both in words for a person."""
    return Field(default=default, description=description, json_schema_extra={"allowed": allowed}, **limits)


class Section(BaseModel):
    """A group of settings: frozen, and nothing unknown is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
