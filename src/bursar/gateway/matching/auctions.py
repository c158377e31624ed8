"""The two auctions of a day: until when they take orders, and what their orders are.

MKT and LMT with OPG trade in the opening auction alone, MOC and LOC in the closing one. Each trades whole at the print
of its auction, the first and the last of the session, if that is within its limit; what is left is canceled. After
the cut-off an order for the close can neither be entered nor changed nor canceled; one for the open waits for the
next day's.

Sources of the cut-offs, before the bell: NYSE and NYSE American Rule 7.35B (closing 10 minutes; the opening auction
takes orders until it is held), Nasdaq Rules 4752 and 4754 (opening 2, closing 5 for orders at the market), NYSE Arca
Rule 7.35-E (1 and 1), Cboe BZX Rule 11.23 (2 and 5). Which of them IBKR adds a margin to is not known. Sydney,
Frankfurt and London hold theirs after the bell (from 16:00 to 16:10, 17:30 to 17:35 and 16:30 to 16:35 on their clocks,
as ASX, Deutsche Börse and LSE publish), and take orders until then: here they are held at the bell, and full with it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bursar.domain.instruments import Instrument
from bursar.domain.sessions import Session
from bursar.gateway.checks import ON_CLOSE
from bursar.gateway.commands import Place

#: Minutes before the opening and the closing bell, by exchange.
CUT_OFFS: dict[str, tuple[int, int]] = {
    "XNYS": (0, 10),
    "XASE": (0, 10),
    "XNAS": (2, 5),
    "ARCX": (1, 1),
    "BATS": (2, 5),
    "XASX": (0, 0),
    "XETR": (0, 0),
    "XLON": (0, 0),
}
_ELSEWHERE = (2, 10)


def opens(request: Place) -> bool:
    """True for an order of the opening auction."""
    return request.tif == "OPG"


def closes(request: Place) -> bool:
    """True for an order of the closing auction."""
    return request.order_type in ON_CLOSE


def opening_cut_off(instrument: Instrument) -> timedelta:
    """How long before the bell the opening auction is full."""
    return timedelta(minutes=CUT_OFFS.get(instrument.exchange, _ELSEWHERE)[0])


def closing_is_full(instrument: Instrument, session: Session, now: datetime) -> bool:
    """True from the cut-off of the closing auction until the bell."""
    minutes = CUT_OFFS.get(instrument.exchange, _ELSEWHERE)[1]
    return session.close - timedelta(minutes=minutes) <= now < session.close
