"""The portfolios by name, and the risk budgets that people set: what both journals say of them, with versions.

A version changes with each change of its entry, so that two people who change one thing at once do not overwrite each
other: who changes says which version was seen (``If-Match``).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from bursar.domain import events as e
from bursar.ports import Recorded

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One portfolio that was given a name. version: of its last change."""

    account: str
    portfolio: str
    name: str
    description: str
    opened_at: datetime
    version: str
    closed_at: datetime | None = None
    reason: str = ""


@dataclass(slots=True)
class Register:
    """Kept in step with a journal by ``take``. source: one letter for the journal, since each counts from 1."""

    portfolios: dict[Key, Entry] = field(default_factory=dict)
    budgets: dict[tuple[str, str, str, str], tuple[str, e.RiskBudgetSet]] = field(default_factory=dict)

    def take(self, recorded: Recorded, source: str) -> None:
        """Take one record."""
        version = f"{source}{recorded.sequence}"
        match recorded.event:
            case e.PortfolioOpened() as told:
                key = told.account, told.portfolio
                known = self.portfolios.get(key)
                since = told.at if known is None or known.closed_at else known.opened_at
                self.portfolios[key] = Entry(
                    account=told.account,
                    portfolio=told.portfolio,
                    name=told.name,
                    description=told.description,
                    opened_at=since,
                    version=version,
                )
            case e.PortfolioClosed(account=account, portfolio=portfolio, reason=reason):
                known = self.portfolios.get((account, portfolio))
                if known is not None:
                    closed = replace(known, closed_at=recorded.event.at, reason=reason, version=version)
                    self.portfolios[account, portfolio] = closed
            case e.RiskBudgetSet() as told:
                self.budgets[told.account, told.portfolio, told.level, told.name] = version, told
            case _:
                pass
