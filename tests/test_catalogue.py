"""The catalogue of events in the decision is the one in the code."""

from __future__ import annotations

from bursar.domain.events import CATALOGUE
from scripts.event_catalogue import PAGE, page


def test_the_catalogue_of_events_is_up_to_date() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "run: python scripts/event_catalogue.py"
    assert all(f"| `{kind}` " in text for kind in CATALOGUE)
