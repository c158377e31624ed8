"""The intake: facts from a folder, a file that ships, or someone who is asked, into the library under BURSAR_HOME.

    folder        prices (a file a symbol), company facts of the SEC, or saved headlines: it is seen what it holds
    sample bokeh  converted from the wheels that ship
    edgar         company facts, fetched from the SEC
    ibkr, yfinance, financial_datasets
                  prices of some symbols; statements and headlines where there are any
    auto          prices from the first of those that has them all
    https://...   a feed of headlines

Whatever comes is looked at, and what was found is kept beside it (``quality.json``) and told.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bursar.adapters.cache import DiskCache
from bursar.adapters.calendars import ExchangeCalendar
from bursar.adapters.clock import WallClock
from bursar.adapters.history import ParquetHistory
from bursar.adapters.vendors import PriceKind, bokeh, listings, wheels
from bursar.adapters.vendors.chains import inspect_chains, read_chains
from bursar.adapters.vendors.edgar import read_company
from bursar.adapters.vendors.folder import read_folder
from bursar.adapters.vendors.kept import write_facts, write_headlines
from bursar.adapters.vendors.news import COLUMNS, FEEDS, read_feed, read_table
from bursar.adapters.vendors.providers import Attempt, Offer, Provider, fetch_prices
from bursar.adapters.vendors.quality import Quality
from bursar.adapters.vendors.tables import QUALITY, Listing
from bursar.config import Settings
from bursar.domain.venues import HOME, venue
from bursar.errors import BrokerError, DataError, InputError
from bursar.runtime.library import SHIPPED

if TYPE_CHECKING:
    import httpx

    from bursar.adapters.vendors.web import Web

#: Who is asked for prices, in this order, when nobody is named.
ORDER = ("ibkr", "yfinance", "financial_datasets")
#: How long an answer that was paid for is good.
CACHE_FOR = timedelta(hours=20)
#: How far back a calendar must know its sessions.
FIRST = date(1990, 1, 2)
SEC = "https://data.sec.gov/api/xbrl/companyfacts/CIK{cik:010d}.json"

EDGAR = Offer(
    name="edgar",
    title="SEC company facts",
    has=frozenset({"statements"}),
    lacks=frozenset({"prices", "news"}),
    pace="8 a second",
)
FEED = Offer(
    name="rss", title="RSS and Atom feeds", has=frozenset({"news"}), lacks=frozenset({"prices", "statements"}),
    needs="the address of a feed",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be taken in.

    lists     watchlists that ``symbols`` come from, by name
    prices    what a folder's closes are; only who made it knows
    exchange  whose sessions they are; None for that of the watchlist that was asked for, or for the one that is traded
    currency  of a folder's prices, or GBX for pence; None for the exchange's own
    """

    what: str
    symbols: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    prices: PriceKind = PriceKind.PRICE
    name: str | None = None
    compare: str | None = None
    exchange: str | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What came of it. said: a line for each thing that was kept; quality: of prices alone."""

    name: str
    said: tuple[str, ...]
    attempts: tuple[Attempt, ...] = ()
    quality: Quality | None = None


class Intake:
    """Takes in. today, client and sleep are the world's, and a test's."""

    def __init__(
        self,
        settings: Settings,
        home: Path,
        *,
        now: Callable[[], datetime] | None = None,
        client: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._settings, self._home = settings, home
        self._now = now or WallClock().now
        self._client, self._sleep, self._tell = client, sleep, tell

    def take(self, wanted: Wanted) -> Taken:
        """Take in what is wanted. Raises InputError for what nobody has, DataError where it did not come."""
        what = wanted.what
        folder = Path(what).expanduser()
        if what in ("sample", "bokeh"):
            return self._shipped(what)
        if what == "synthetic":
            raise InputError(
                "a synthetic market is made when it is played and needs no import; bursar demo --world synthetic"
            )
        if what.startswith(("https://", "http://")):
            return self._feed(wanted)
        if what == EDGAR.name:
            return self._edgar(wanted)
        if what == "auto" or what in ORDER:
            return self._asked(wanted)
        if folder.is_dir():
            return self._folder(folder, wanted)
        known = ", ".join(("sample", "bokeh", "edgar", *ORDER, "auto"))
        raise InputError(f"{what} is no folder and no source; give a folder, the address of a feed, or one of {known}")

    # ------------------------------------------------------------ what lies on the disk

    def _shipped(self, name: str) -> Taken:
        self._tell(f"converting {name}")
        source = wheels.STOCKS if name == "sample" else bokeh.SOURCE
        calendar = ExchangeCalendar(source.exchange, source.first, source.last, keep=self._home / "data")
        history = (wheels.stocks if name == "sample" else bokeh.history)(self._home, calendar)
        return Taken(name=source.name, said=(f"{source.title}, {_fields(history)}",))

    def _folder(self, folder: Path, wanted: Wanted) -> Taken:
        statements = sorted(path for path in folder.glob("*CIK*.json*") if path.suffix in (".json", ".gz"))
        if statements:
            return self._company_files(statements)
        news = sorted(path for path in folder.iterdir() if path.suffix in FEEDS or _is_news(path))
        if news:
            return self._news_files(news)
        self._tell(f"reading {folder}")
        listing = self._listing(wanted)
        calendar = self._calendar(listing.exchange)
        imported = read_folder(folder, calendar, wanted.prices, name=wanted.name, listing=listing)
        _free(imported.source.name)
        history = imported.store(self._home)
        said = f"{imported.quality.symbols} symbols from {imported.source.first} to {imported.source.last}"
        return Taken(name=imported.source.name, said=(f"{said}, {_fields(history)}",), quality=imported.quality)

    def _company_files(self, files: Sequence[Path]) -> Taken:
        said = []
        for path in files:
            facts = read_company(path, path.name)
            target = self._home / "data" / "edgar" / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            said.append(f"{path.name}: {len(facts):,} facts")
            self._tell(said[-1])
        return Taken(name="edgar", said=tuple(said))

    def _news_files(self, files: Sequence[Path]) -> Taken:
        said = []
        for path in files:
            told = read_table(path) if path.suffix == ".csv" else read_feed(path, _names())
            target = self._home / "data" / "news" / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            said.append(f"{path.name}: {len(told):,} headlines about known symbols")
            self._tell(said[-1])
        return Taken(name="news", said=tuple(said))

    # ------------------------------------------------------------ who is asked

    def _asked(self, wanted: Wanted) -> Taken:
        symbols = wanted.symbols or self._settings.market.watchlist
        if not symbols:
            raise InputError("say of which symbols: --symbols AAPL,MSFT, or a list such as --symbols starter")
        names = ORDER if wanted.what == "auto" else (wanted.what,)
        last = wanted.last or self._now().date()
        first = wanted.first or last.replace(year=last.year - 10, day=min(last.day, 28))
        if first > last:
            raise InputError(f"from {first} to {last} is no range; give the earlier day first")
        if wanted.currency is not None:
            raise InputError("--currency is of the prices in a folder; a source that is asked tells its own")
        listing = self._listing(wanted)
        self._tell(f"asking {', '.join(names)} for {len(symbols)} symbols of {listing.exchange}")
        providers = [self.provider(name, listing.exchange) for name in names]
        fetched = fetch_prices(
            providers,
            symbols,
            first,
            last,
            self._calendar(listing.exchange),
            name=wanted.name,
            compared=self.provider(wanted.compare, listing.exchange) if wanted.compare else None,
            listing=listing,
        )
        _free(fetched.imported.source.name)
        history = fetched.imported.store(self._home)
        said = [f"{_fields(history)} of {fetched.imported.quality.symbols} symbols from {fetched.provider}"]
        taken = next(each for each in providers if each.offer.name == fetched.provider)
        said += self._others(taken, symbols, first, last)
        return Taken(
            name=fetched.imported.source.name,
            said=tuple(said),
            attempts=fetched.attempts,
            quality=fetched.imported.quality,
        )

    def _others(self, provider: Provider, symbols: Sequence[str], first: date, last: date) -> list[str]:
        """Statements and headlines of whoever gave the prices, where there are any."""
        said, name = [], provider.offer.name
        try:
            if "statements" in provider.offer.has:
                facts = provider.statements(symbols)
                write_facts(self._home / "data" / "statements" / f"{name}.parquet", facts)
                said.append(f"{len(facts):,} facts from statements")
            if "news" in provider.offer.has:
                headlines = provider.headlines(symbols, first, last)
                write_headlines(self._home / "data" / "news" / f"{name}.csv", headlines)
                said.append(f"{len(headlines):,} headlines")
        except (DataError, BrokerError) as error:
            said.append(f"and no more: {error}")
        return said

    def provider(self, name: str, exchange: str = HOME) -> Provider:
        """The one of that name, for symbols of ``exchange``. Raises InputError for one that is not known, or lacks what
        it needs.
        """
        match name:
            case "ibkr":
                from bursar.adapters.ib_connection import Address
                from bursar.adapters.vendors.ibkr import Ibkr

                broker = self._settings.broker
                address = Address(
                    account=self._settings.account.account_id,
                    host=broker.host,
                    port=broker.port,
                    client_id=broker.client_id + 1,  # beside the one that trades
                    timeout_seconds=float(broker.data_timeout_seconds),
                )
                return Ibkr(address, WallClock(), exchange)
            case "yfinance":
                from bursar.adapters.vendors.yahoo import Yahoo

                return Yahoo(exchange=exchange)
            case "financial_datasets":
                from bursar.adapters.vendors.financial_datasets import FinancialDatasets

                if not listings.is_american(exchange):
                    raise InputError(
                        f"financial_datasets has the United States alone, and {exchange} was asked for; ask ibkr or "
                        "yfinance, or import a folder"
                    )
                key = self._settings.models.financial_datasets_api_key
                if key is None:
                    raise InputError("financial_datasets needs a key; set FINANCIAL_DATASETS_API_KEY")
                return FinancialDatasets(
                    self._web(
                        "Financial Datasets",
                        pace=(60, 60.0),
                        headers={"X-API-KEY": key.get_secret_value()},
                        remedy="look at FINANCIAL_DATASETS_API_KEY and at what is paid for",
                    )
                )
            case _:
                raise InputError(f"there is no source {name} to ask; choose from {', '.join(ORDER)}")

    def _edgar(self, wanted: Wanted) -> Taken:
        symbols = wanted.symbols or self._settings.market.watchlist
        unknown = sorted(symbol for symbol in symbols if symbol not in listings.CIKS)
        if not symbols or unknown:
            raise InputError(
                f"{', '.join(unknown) or 'no symbol'}: give --symbols whose number at the SEC is known: "
                f"{', '.join(listings.CIKS)}"
            )
        web = self._web("the SEC", pace=(8, 1.0), headers={"User-Agent": "bursar, research software"})
        said = []
        for symbol in symbols:
            cik = listings.CIKS[symbol]
            path = self._home / "data" / "edgar" / f"CIK{cik:010d}.json"
            draft = path.with_name(f"{path.name}.draft")
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(web.content(SEC.format(cik=cik)))
            facts = read_company(draft, symbol, cik)
            draft.replace(path)
            said.append(f"{symbol}: {len(facts):,} facts")
            self._tell(said[-1])
        return Taken(name="edgar", said=tuple(said))

    def _feed(self, wanted: Wanted) -> Taken:
        import hashlib

        content = self._web("the feed", pace=(1, 1.0)).content(wanted.what)
        name = wanted.name or f"feed-{hashlib.sha256(wanted.what.encode()).hexdigest()[:12]}"
        path = self._home / "data" / "news" / f"{name}.xml"
        draft = path.with_name(f"{path.name}.draft")
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(content)
        headlines = read_feed(draft, _names(wanted.symbols))
        draft.replace(path)
        return Taken(name=name, said=(f"{len(headlines):,} headlines about known symbols",))

    def _web(
        self, vendor: str, *, pace: tuple[int, float], headers: dict[str, str] | None = None, remedy: str = ""
    ) -> Web:
        import httpx

        from bursar.adapters.vendors.web import Pace, Web

        return Web(
            vendor,
            self._client or httpx.Client(follow_redirects=True),
            pace=Pace(*pace, monotonic=time.monotonic, sleep=self._sleep),
            sleep=self._sleep,
            cache=DiskCache(self._home / "cache" / "answers", CACHE_FOR, self._now),
            headers=headers,
            remedy=remedy,
        )

    def _listing(self, wanted: Wanted) -> Listing:
        """Where the symbols are listed. Raises InputError for a list of another exchange than the one that is named."""
        listed = listings.venue_of(wanted.lists)
        if listed is not None and wanted.exchange is not None and venue(wanted.exchange).market != listed.market:
            raise InputError(
                f"{', '.join(wanted.lists)} is listed on {listed.code}, and --exchange is {wanted.exchange}; "
                "leave one of them out"
            )
        chosen = wanted.exchange or (listed.code if listed else self._settings.market.exchange)
        return Listing(exchange=chosen, money=wanted.currency or "")

    def _calendar(self, exchange: str) -> ExchangeCalendar:
        return ExchangeCalendar(exchange, FIRST, self._now().date() + timedelta(days=7), keep=self._home / "data")


def kept_quality(home: Path, name: str) -> Quality:
    """What was found in an import. Raises InputError where there is none of that name, or nothing was kept."""
    path = home / "data" / name / QUALITY
    try:
        return Quality.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"nothing was found out about {name}; import it: bursar data import") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} does not read: {error!r}; import it again") from error


def chain_quality(path: Path) -> Quality:
    """What is found in a file of option chains. Raises InputError for any other file."""
    chains = read_chains(path.expanduser())
    symbols = len({chain.symbol for chain in chains})
    rows = sum(len(chain.closes) for chain in chains)
    return Quality(symbols=symbols, rows=rows, findings=tuple(inspect_chains(chains)))


def _free(name: str) -> None:
    if name in (*SHIPPED, "edgar", "news", "statements", wheels.STOCKS.name, wheels.INDEX.name):
        raise InputError(f"{name} is the name of something that ships; give another one with --name")


def _fields(history: ParquetHistory) -> str:
    return ", ".join(sorted(history.manifest.files))


def _names(symbols: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
    """How titles name the symbols, or all that are known."""
    chosen = symbols or tuple(listings.LISTINGS)
    return {symbol: tuple(filter(None, (listings.LISTINGS.get(symbol, ("", ""))[0],))) for symbol in chosen}


def _is_news(path: Path) -> bool:
    if path.suffix != ".csv":
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        header = file.readline().strip().split(",")
    return set(COLUMNS) <= set(header)


def moment(said: str) -> date:
    """A day as it is said on the command line. Raises InputError for one that is none."""
    try:
        return date.fromisoformat(said)
    except ValueError as error:
        raise InputError(f"{said!r} is no day; write it as 2021-03-31") from error
