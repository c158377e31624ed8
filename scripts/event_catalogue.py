"""Writes the catalogue of events into docs/decisions/0001, from the code: python scripts/event_catalogue.py

The page says the rest in words; between the two marks everything is made here, and a test holds it up to date.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from bursar.domain.events import CATALOGUE, Event

PAGE = Path(__file__).parents[1] / "docs/decisions/0001-events-and-journal.md"
BEGIN, END = "<!-- catalogue: begin -->", "<!-- catalogue: end -->"
SHARED = {field.name for field in dataclasses.fields(Event)}


def catalogue() -> str:
    """One row a kind: its name and version, what it says, and its fields beside the three that all have."""
    rows = ["| kind | says | fields |", "|---|---|---|"]
    for kind, shape in CATALOGUE.items():
        says = (shape.__doc__ or "").strip().splitlines()[0]
        fields = ", ".join(f"`{field.name}`" for field in dataclasses.fields(shape) if field.name not in SHARED)
        rows.append(f"| `{kind}` {shape.version} | {says} | {fields} |")
    return "\n".join(rows)


def page(text: str) -> str:
    """``text`` with the catalogue between its marks made anew."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{catalogue()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE}: {len(CATALOGUE)} kinds of events\n")
