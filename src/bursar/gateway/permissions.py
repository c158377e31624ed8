"""What a client's log-in is entitled to: which market data it may have, and how much it may ask for.

Without a word everybody has live data of everything and may ask for as much as he likes, as tests and the demo want it.

Source of the codes: IBKR, "Market Data Types" and "Message Codes": 354 where delayed data has to be asked for, 10167
where it is shown instead, 10168 where it is not enabled, 10197 for a competing session, 162 for history without
permission.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

#: How late delayed data is.
DELAY = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """See the module.

    live       symbols with live data; None is all of them
    delayed    whether data a quarter of an hour late may be had of the others
    competing  another session of the same log-in has taken the market data
    """

    live: frozenset[str] | None = None
    delayed: bool = True
    competing: bool = False

    def sees_live(self, symbol: str) -> bool:
        """Whether ``symbol`` may be seen as it is now."""
        return self.live is None or symbol in self.live
