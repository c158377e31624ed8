"""What is known on one day, and the market as it was on each day before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bursar.domain.instruments import Instrument
from bursar.domain.sessions import Session
from bursar.domain.views import View
from bursar.ports import Panel
from bursar.trading.view import MarketView

#: Closes that a template is given, as in a run.
HISTORY_DAYS = 320


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Everything known at ``at``, before the bell of ``session``.

    closes    of all sessions before, adjusted, oldest first
    facts     other daily fields of the same sessions, as far as the source has them
    views     of this morning; none are remembered of mornings before
    sessions  from ``session`` on, as many as a horizon takes
    """

    at: datetime
    session: Session
    instruments: Mapping[str, Instrument]
    closes: Panel
    lacks: frozenset[str]
    facts: Mapping[str, Panel] = field(default_factory=dict)
    views: Sequence[View] = ()
    sessions: tuple[Session, ...] = ()

    def market(self, row: int | None = None) -> MarketView:
        """The market after the close of ``row``, of the rows of ``closes``; of all of them where none is named.

        A row sees itself and those before it. What was adjusted for a later split has the same returns.
        """
        end = len(self.closes.dates) if row is None else row + 1
        rows = slice(max(end - HISTORY_DAYS, 0), end)
        closes = Panel(self.closes.dates[rows], self.closes.symbols, self.closes.values[rows])
        return MarketView(
            at=self.at,
            instruments=self.instruments,
            quotes={},
            closes=closes,
            session=self.session,
            lacks=self.lacks,
            facts={name: _within(panel, closes) for name, panel in self.facts.items()},
        )


def _within(panel: Panel, closes: Panel) -> Panel:
    """``panel`` on the days of ``closes`` alone."""
    if not len(closes.dates):
        return Panel(panel.dates[:0], panel.symbols, panel.values[:0])
    inside = (panel.dates >= closes.dates[0]) & (panel.dates <= closes.dates[-1])
    return Panel(panel.dates[inside], panel.symbols, panel.values[inside])
