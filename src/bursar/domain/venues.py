"""Venues: the exchanges that can be traded, each with the facts of its market that no calendar holds.

One account trades on one of them. Which one, ``market.exchange`` says; its currency, its zone and what a broker charges
there follow, unless somebody says otherwise. Sessions come from the calendar (``ports.Calendar``), on the venue's own
clock.

Sources. Settlement: SEC Rule 15c6-1(a) as amended in 2017 and 2023; ASX, "T+2" of 7 March 2016; Regulation (EU)
909/2014, article 5, and (EU) 2025/2075, which makes it one day from 11 October 2027; Germany had two days before;
London moved with the Union in 2014 and means to in 2027. Commissions: interactivebrokers.com.au and
interactivebrokers.com.hk, "Commissions: Stocks, ETFs and Warrants", fixed plan with smart routing. None was compared
with a statement. In the United States shares are charged for by number, which adjusted prices falsify: the basis point
stands in for it (``gateway/fees.py`` has the plans).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from bursar.errors import InputError

#: Trade dates from the first column settle in so many business days of the venue.
Cycles = tuple[tuple[date, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """What a broker takes of an order: a part of what is traded, and at least so much.

    basis_points  hundredths of a percent of the notional
    minimum       of an order, in the currency of the venue
    """

    basis_points: Decimal
    minimum: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """One exchange.

    code        ISO 10383, by which its calendar is found
    market      the name under which an agenda shows it
    zone        IANA name of its clock
    currency    in which its shares are quoted here; London's pence are read as pounds
    settlement  oldest first
    commission  published by IBKR; None where nobody has looked it up, and then somebody must say it
    """

    code: str
    title: str
    market: str
    zone: str
    currency: str
    settlement: Cycles
    commission: Commission | None = None


_US: Cycles = ((date.min, 3), (date(2017, 9, 5), 2), (date(2024, 5, 28), 1))
_AU: Cycles = ((date.min, 3), (date(2016, 3, 7), 2))
_DE: Cycles = ((date.min, 2), (date(2027, 10, 11), 1))
_UK: Cycles = ((date.min, 3), (date(2014, 10, 6), 2), (date(2027, 10, 11), 1))


def _american(code: str, title: str) -> Venue:
    return Venue(
        code=code,
        title=title,
        market="US",
        zone="America/New_York",
        currency="USD",
        settlement=_US,
        commission=Commission(basis_points=Decimal(1)),
    )


VENUES: Mapping[str, Venue] = MappingProxyType(
    {
        each.code: each
        for each in (
            _american("XNYS", "New York"),
            _american("XNAS", "Nasdaq"),
            _american("ARCX", "NYSE Arca"),
            _american("XASE", "NYSE American"),
            _american("BATS", "Cboe BZX"),
            Venue(
                code="XASX",
                title="Sydney",
                market="AU",
                zone="Australia/Sydney",
                currency="AUD",
                settlement=_AU,
                commission=Commission(basis_points=Decimal(8), minimum=Decimal(6)),
            ),
            Venue(
                code="XETR",
                title="Frankfurt",
                market="EU",
                zone="Europe/Berlin",
                currency="EUR",
                settlement=_DE,
                commission=Commission(basis_points=Decimal(5), minimum=Decimal(3)),
            ),
            Venue(
                code="XLON",
                title="London",
                market="UK",
                zone="Europe/London",
                currency="GBP",
                settlement=_UK,
            ),
        )
    }
)
#: Where nobody says otherwise.
HOME = "XNYS"


def venue(code: str) -> Venue:
    """The venue of ``code``. Raises InputError for one whose facts are not known here."""
    if code not in VENUES:
        raise InputError(
            f"{code} is no exchange whose currency, settlement and commissions are known here; choose from "
            f"{', '.join(VENUES)}"
        )
    return VENUES[code]
