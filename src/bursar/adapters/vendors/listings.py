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
from bursar.domain.venues import HOME, Venue, venue
from bursar.errors import InputError

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
#: Outside of the United States a symbol names another company: DTE is no utility in Frankfurt.
ELSEWHERE: Mapping[str, Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "XASX": {
            "ANZ": ("ANZ Group", "Financials"),
            "BHP": ("BHP Group", "Materials"),
            "CBA": ("Commonwealth Bank of Australia", "Financials"),
            "CSL": ("CSL", "Health Care"),
            "MQG": ("Macquarie Group", "Financials"),
            "NAB": ("National Australia Bank", "Financials"),
            "WBC": ("Westpac", "Financials"),
            "WES": ("Wesfarmers", _CONSUMER),
        },
        "XETR": {
            "ADS": ("adidas", _CONSUMER),
            "ALV": ("Allianz", "Financials"),
            "BAS": ("BASF", "Materials"),
            "BMW": ("BMW", _CONSUMER),
            "DTE": ("Deutsche Telekom", _COMMUNICATION),
            "MUV2": ("Munich Re", "Financials"),
            "SAP": ("SAP", _TECHNOLOGY),
            "SIE": ("Siemens", "Industrials"),
        },
        "XLON": {
            "AZN": ("AstraZeneca", "Health Care"),
            "BP": ("BP", "Energy"),
            "DGE": ("Diageo", "Consumer Staples"),
            "GSK": ("GSK", "Health Care"),
            "HSBA": ("HSBC", "Financials"),
            "RIO": ("Rio Tinto", "Materials"),
            "SHEL": ("Shell", "Energy"),
            "ULVR": ("Unilever", "Consumer Staples"),
        },
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


def known(exchange: str) -> Mapping[str, tuple[str, str]]:
    """Name and sector of what is listed on ``exchange``, by symbol."""
    return LISTINGS if is_american(exchange) else ELSEWHERE.get(exchange, {})


def is_american(exchange: str) -> bool:
    """Whether what is known of the symbols of the United States is true on ``exchange``."""
    return venue(exchange).market == venue(HOME).market


def instruments(
    symbols: Iterable[str], *, tick: Decimal, first_id: int, currency: str = "USD", exchange: str = HOME
) -> tuple[Instrument, ...]:
    """``symbols`` with what is known of them. first_id: contract ids count from it; they are ours, not IBKR's."""
    told, funds = known(exchange), FUNDS if is_american(exchange) else frozenset()
    return tuple(
        Instrument(
            symbol=symbol,
            kind=InstrumentKind.ETF if symbol in funds else InstrumentKind.STOCK,
            name=told.get(symbol, ("", ""))[0],
            sector=told.get(symbol, ("", "unknown"))[1],
            currency=currency,
            exchange=exchange,
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
    exchange: str = HOME

    @property
    def venue(self) -> Venue:
        """The market that it is a list of."""
        return venue(self.exchange)


def _list(name: str, title: str, symbols: str, exchange: str = HOME) -> Watchlist:
    return Watchlist(name=name, title=title, symbols=tuple(symbols.split()), exchange=exchange)


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
                "australia", "large companies in Sydney", "BHP CBA CSL NAB WBC ANZ WES MQG", exchange="XASX"
            ),
            _list(
                "germany", "large companies in Frankfurt", "SAP SIE ALV DTE BAS BMW ADS MUV2", exchange="XETR"
            ),
            _list(
                "london", "large companies in London", "AZN SHEL HSBA ULVR BP GSK RIO DGE", exchange="XLON"
            ),
        )
    }
)  # fmt: skip


def venue_of(names: Iterable[str]) -> Venue | None:
    """The exchange that the watchlists among ``names`` are of; None where there is none among them.

    Raises InputError where they are of several.
    """
    lists = [WATCHLISTS[name] for name in names if name in WATCHLISTS]
    exchanges = {each.exchange: each for each in lists}
    if len(exchanges) > 1:
        said = ", ".join(f"{each.name} is of {each.exchange}" for each in lists)
        raise InputError(f"{said}; an account trades on one exchange: leave the lists of the others out")
    return lists[0].venue if lists else None
