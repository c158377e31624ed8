"""The library: every fact that a run may read, from the source that the settings name.

    sample      the wheel's twenty stocks: adjusted closes and nothing else
    bokeh       five stocks as paid, with their splits and dividends, open to close and volume
    synthetic   a made-up market with everything, from the run's seed
    any other   what was imported under that name (`bursar data import`)

Each is of one exchange, in whose sessions it is played and traded: the stocks that ship are of New York, a made-up
market is of whichever is wanted, and an import remembers which one it was taken in for. None is traded on another's.

Beside the source's own, statements come from ``data/edgar`` and headlines from ``data/news`` below BURSAR_HOME, where
there are any: company facts as the SEC names them, and tables or saved feeds. Without the SEC's, statements that were
bought (``data/statements``) stand in. A made-up market has its own alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from bursar.adapters.calendars import ExchangeCalendar, session_of
from bursar.adapters.history import MemoryHistory, ParquetHistory, Rebased
from bursar.adapters.memory import MemoryFundamentals, MemoryNews
from bursar.adapters.vendors import PriceKind, Source, bokeh, listings, wheels
from bursar.adapters.vendors.edgar import EdgarFundamentals
from bursar.adapters.vendors.kept import read_facts
from bursar.adapters.vendors.news import folder_news
from bursar.adapters.vendors.synthetic import make as make_synthetic
from bursar.config import Settings
from bursar.domain.instruments import Instrument
from bursar.domain.sessions import Session
from bursar.domain.venues import HOME, venue
from bursar.errors import InputError
from bursar.ports import Calendar, Fundamentals, History, News, Panel
from bursar.runtime.worlds import ADJUSTED_TICK

#: What comes with Bursar.
SHIPPED = ("sample", "bokeh", "synthetic")
#: The made-up market begins here, whenever a run does: so one seed is one market.
SYNTHETIC_FIRST = date(2005, 1, 3)
SYNTHETIC_LAST = date(2035, 12, 31)
SYNTHETIC_SYMBOLS = 60
#: Contract ids of imports are made up for our own gateway, counted from here.
IMPORT_ID_FIRST = 970_000_001


@dataclass(frozen=True, kw_only=True)
class Library:
    """What can be known, and of what.

    sessions    of its exchange, over all days of the source
    raw         the history, in the money of each day that is asked about
    digest      of what the facts follow from
    """

    source: Source
    calendar: Calendar
    instruments: tuple[Instrument, ...]
    raw: MemoryHistory | ParquetHistory
    fundamentals: Fundamentals
    news: News
    digest: str

    def history(self, last: datetime | None = None) -> History:
        """The history; with ``last`` its adjusted prices all stand in the money of that moment."""
        came_adjusted = isinstance(self.raw, ParquetHistory) and self.raw.manifest.actions is None
        return self.raw if last is None or came_adjusted else Rebased(self.raw, last)

    def sessions(self, first: date, count: int) -> tuple[tuple[Session, ...], tuple[Session, ...]]:
        """All sessions before ``first``, and ``count`` from it on. Raises InputError unless they are all held."""
        self.source.covers(first, first)
        session_of(self.calendar, first)
        sessions = self.calendar.sessions(first, self.source.last)[:count]
        if len(sessions) < count:
            raise InputError(
                f"{count} days from {first} reach beyond the prices, which end on {self.source.last}; "
                f"ask for at most {len(sessions)}"
            )
        return self.calendar.sessions(self.source.first, first)[:-1], sessions


def open_library(settings: Settings, home: Path, *, seed: int, last: date | None = None) -> Library:
    """The library of the source that the settings name.

    last  the day up to which a made-up market must reach; others reach as far as they do
    Raises InputError for a source that is not there.
    """
    name = settings.market.source
    match name:
        case "sample":
            _require(settings, wheels.STOCKS, name)
            calendar = ExchangeCalendar(HOME, wheels.FIRST, wheels.LAST, keep=home / "data")
            return _kept(wheels.STOCKS, calendar, wheels.instruments(), wheels.stocks(home, calendar), home)
        case "bokeh":
            _require(settings, bokeh.SOURCE, name)
            calendar = ExchangeCalendar(HOME, bokeh.SOURCE.first, bokeh.SOURCE.last, keep=home / "data")
            return _kept(
                bokeh.SOURCE, calendar, _listed(bokeh.SYMBOLS, bokeh.SOURCE), bokeh.history(home, calendar), home
            )
        case "synthetic":
            return _synthetic(settings, home, seed, last)
        case _:
            return _imported(name, settings, home)


def _synthetic(settings: Settings, home: Path, seed: int, last: date | None) -> Library:
    final = min((last or SYNTHETIC_LAST) + timedelta(days=10), SYNTHETIC_LAST)
    if final <= SYNTHETIC_FIRST:
        raise InputError(f"the synthetic market begins on {SYNTHETIC_FIRST}, after {last}; give a later day")
    here = settings.market.exchange
    calendar = ExchangeCalendar(here, SYNTHETIC_FIRST, SYNTHETIC_LAST, keep=home / "data")
    world = make_synthetic(
        calendar.sessions(SYNTHETIC_FIRST, final),
        symbols=SYNTHETIC_SYMBOLS,
        seed=seed,
        currency=settings.account.base_currency,
    )
    return Library(
        source=world.source,
        calendar=calendar,
        instruments=world.instruments,
        raw=world.history,
        fundamentals=world.fundamentals,
        news=world.news,
        digest=f"seed {seed}",
    )


def _imported(name: str, settings: Settings, home: Path) -> Library:
    folder = home / "data" / name
    if not (folder / "manifest.json").is_file():
        kept = sorted(path.parent.name for path in (home / "data").glob("*/manifest.json"))
        raise InputError(
            f"market.source is {name}, and nothing was imported under that name; "
            f"choose from {', '.join(dict.fromkeys((*SHIPPED, *kept)))}, or import it: bursar data import"
        )
    history = ParquetHistory(folder)
    about = history.manifest.about
    if about is None:
        raise InputError(f"{folder} was written by an earlier Bursar, which did not say what it is; import it again")
    if about.prices is PriceKind.RAW and history.manifest.actions is None:
        raise InputError(
            f"{about.title} has prices as paid and no list of splits; a split would be traded as a fall. Import it "
            "with its corporate actions, or as adjusted prices"
        )
    _require(settings, about, name)
    calendar = ExchangeCalendar(about.exchange, about.first, about.last, keep=home / "data")
    field = "close" if "close" in history.manifest.files else "raw_close"
    panel = history.facts(field).panel
    _require_sessions(panel, calendar, about)
    return _kept(about, calendar, _listed(panel.symbols, about), history, home)


def _require(settings: Settings, source: Source, name: str) -> None:
    """Refuse a source of another exchange than the one that is traded: its days are not those of its bells."""
    here = settings.market.exchange
    if venue(source.exchange).market != venue(here).market:
        raise InputError(
            f"market.source is {name}, whose prices are of {source.exchange} in {source.currency}, and market.exchange "
            f'is {here}; set market.exchange = "{source.exchange}", or name a source of {here}'
        )


def _require_sessions(panel: Panel, calendar: ExchangeCalendar, source: Source) -> None:
    """Refuse prices of days on which their exchange was shut: they are of another one."""
    days = {session.day for session in calendar.sessions(source.first, source.last)}
    strange = [day for day in panel.dates.tolist() if day not in days]
    if strange:
        raise InputError(
            f"{source.title} has prices of {strange[0]}, on which {source.exchange} was shut; import it again and say "
            "whose sessions they are: bursar data import FOLDER --exchange CODE"
        )


def _listed(symbols: Sequence[str], source: Source) -> tuple[Instrument, ...]:
    return listings.instruments(
        symbols, tick=ADJUSTED_TICK, first_id=IMPORT_ID_FIRST, currency=source.currency, exchange=source.exchange
    )


def _kept(
    source: Source, calendar: Calendar, instruments: tuple[Instrument, ...], history: ParquetHistory, home: Path
) -> Library:
    digests = [stored.sha256 for _, stored in sorted(history.manifest.files.items())]
    made_from = sorted(history.manifest.made_from.values())
    return Library(
        source=source,
        calendar=calendar,
        instruments=instruments,
        raw=history,
        fundamentals=_statements(home, instruments),
        news=_headlines(home, instruments),
        digest=made_from[0] if len(made_from) == 1 else digests[0],
    )


def _statements(home: Path, instruments: Sequence[Instrument]) -> Fundamentals:
    """The SEC's, as they were first filed; where there are none, those that a vendor gave."""
    folder = home / "data" / "edgar"
    if folder.is_dir():
        ciks = {
            each.symbol: listings.CIKS[each.symbol]
            for each in instruments
            if each.symbol in listings.CIKS and listings.is_american(each.exchange)
        }
        return EdgarFundamentals.in_folder(folder, ciks)
    given = home / "data" / "statements" / "financial_datasets.parquet"
    return read_facts(given) if given.is_file() else MemoryFundamentals()


def _headlines(home: Path, instruments: Sequence[Instrument]) -> News:
    folder = home / "data" / "news"
    names = {each.symbol: (each.name,) for each in instruments}
    return folder_news(folder, names) if folder.is_dir() else MemoryNews()
