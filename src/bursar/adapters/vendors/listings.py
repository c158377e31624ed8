"""What is known of companies by their symbols: name, sector and kind, our own table, and the lists that ship.

Sectors are GICS sectors as of 2022. A symbol that is not here has the sector "unknown", which the gate treats as one
sector: a folder of strangers is held to the limit of a single sector until somebody says what they are.

A watchlist can stand in ``market.watchlist`` in the place of symbols. It chooses names, not prices: whoever trades one
needs a source that has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from bursar.domain.instruments import Instrument, InstrumentKind

_TECHNOLOGY, _COMMUNICATION, _CONSUMER = "Information Technology", "Communication Services", "Consumer Discretionary"

LISTINGS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "AAPL": ("Apple", _TECHNOLOGY),
        "AMD": ("Advanced Micro Devices", _TECHNOLOGY),
        "AMZN": ("Amazon", _CONSUMER),
        "AVGO": ("Broadcom", _TECHNOLOGY),
        "BAC": ("Bank of America", "Financials"),
        "BBY": ("Best Buy", _CONSUMER),
        "CVX": ("Chevron", "Energy"),
        "FB": ("Facebook", _COMMUNICATION),
        "GE": ("General Electric", "Industrials"),
        "GOOG": ("Alphabet", _COMMUNICATION),
        "GOOGL": ("Alphabet", _COMMUNICATION),
        "HD": ("Home Depot", _CONSUMER),
        "IBM": ("International Business Machines", _TECHNOLOGY),
        "JNJ": ("Johnson & Johnson", "Health Care"),
        "JPM": ("JPMorgan Chase", "Financials"),
        "KO": ("Coca-Cola", "Consumer Staples"),
        "LLY": ("Eli Lilly", "Health Care"),
        "META": ("Meta Platforms", _COMMUNICATION),
        "MRK": ("Merck", "Health Care"),
        "MSFT": ("Microsoft", _TECHNOLOGY),
        "NFLX": ("Netflix", _COMMUNICATION),
        "NVDA": ("Nvidia", _TECHNOLOGY),
        "PEP": ("PepsiCo", "Consumer Staples"),
        "PFE": ("Pfizer", "Health Care"),
        "PG": ("Procter & Gamble", "Consumer Staples"),
        "QQQ": ("Invesco QQQ Trust", "Funds"),
        "RRC": ("Range Resources", "Energy"),
        "SPY": ("SPDR S&P 500 ETF Trust", "Funds"),
        "TSLA": ("Tesla", _CONSUMER),
        "UNH": ("UnitedHealth", "Health Care"),
        "WMT": ("Walmart", "Consumer Staples"),
        "XOM": ("Exxon Mobil", "Energy"),
    }
)
FUNDS = frozenset({"QQQ", "SPY"})

#: Under which number the US Securities and Exchange Commission files each company.
CIKS: Mapping[str, int] = MappingProxyType(
    {
        "AAPL": 320193, "AMD": 2488, "AMZN": 1018724, "AVGO": 1730168, "BAC": 70858, "BBY": 764478, "CVX": 93410,
        "FB": 1326801, "GE": 40545, "GOOG": 1652044, "GOOGL": 1652044, "HD": 354950, "IBM": 51143, "JNJ": 200406,
        "JPM": 19617, "KO": 21344, "LLY": 59478, "META": 1326801, "MRK": 310158, "MSFT": 789019, "NFLX": 1065280,
        "NVDA": 1045810, "PEP": 77476, "PFE": 78003, "PG": 80424, "RRC": 315852, "TSLA": 1318605, "UNH": 731766,
        "WMT": 104169, "XOM": 34088,
    }
)  # fmt: skip


def instruments(
    symbols: Iterable[str], *, tick: Decimal, first_id: int, currency: str = "USD"
) -> tuple[Instrument, ...]:
    """``symbols`` with what is known of them. first_id: contract ids count from it; they are ours, not IBKR's."""
    return tuple(
        Instrument(
            symbol=symbol,
            kind=InstrumentKind.ETF if symbol in FUNDS else InstrumentKind.STOCK,
            name=LISTINGS.get(symbol, ("", ""))[0],
            sector=LISTINGS.get(symbol, ("", "unknown"))[1],
            currency=currency,
            tick=tick,
            contract_id=first_id + place,
        )
        for place, symbol in enumerate(symbols)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchlist:
    """Symbols under a name, with the market that they are listed in.

    exchange  ISO 10383 code, by which its calendar is found
    """

    name: str
    title: str
    symbols: tuple[str, ...]
    exchange: str = "XNYS"
    currency: str = "USD"
    timezone: str = "America/New_York"


def _list(name: str, title: str, symbols: str, **market: str) -> Watchlist:
    return Watchlist(name=name, title=title, symbols=tuple(symbols.split()), **market)


WATCHLISTS: Mapping[str, Watchlist] = MappingProxyType(
    {
        each.name: each
        for each in (
            _list("large_caps", "ten large companies", "AAPL GOOGL MSFT AMZN TSLA NVDA META NFLX JPM JNJ"),
            _list(
                "technology", "technology, and two funds beside it", "AAPL GOOGL AMZN MSFT NVDA META AVGO SPY QQQ"
            ),
            _list("starter", "five companies and the index", "AAPL GOOGL MSFT AMZN TSLA SPY"),
            _list(
                "australia", "large companies in Sydney", "BHP CBA CSL NAB WBC ANZ WES MQG",
                exchange="XASX", currency="AUD", timezone="Australia/Sydney",
            ),
            _list(
                "germany", "large companies in Frankfurt", "SAP SIE ALV DTE BAS BMW ADS MUV2",
                exchange="XETR", currency="EUR", timezone="Europe/Berlin",
            ),
            _list(
                "london", "large companies in London", "AZN SHEL HSBA ULVR BP GSK RIO DGE",
                exchange="XLON", currency="GBP", timezone="Europe/London",
            ),
        )
    }
)  # fmt: skip
