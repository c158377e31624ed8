"""The intake: facts from folders, files that ship and vendors that are asked; all of it looked at, none of it mixed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from bursar.adapters.calendars import ExchangeCalendar
from bursar.adapters.history import read_manifest
from bursar.adapters.vendors import PriceKind
from bursar.adapters.vendors.providers import Provider
from bursar.adapters.vendors.quality import Trouble
from bursar.config import Given, Settings, build
from bursar.domain.statements import NAMES
from bursar.errors import DataError, InputError
from bursar.ports import Headline
from bursar.runtime import intake
from bursar.runtime.intake import Intake, Taken, Wanted, kept_quality, moment
from bursar.runtime.library import open_library
from bursar.runtime.sources import every_source, watchlists
from tests.adapters.vendors import Told

NOW = datetime(2022, 2, 15, 12, tzinfo=UTC)
FAR = datetime(2040, 1, 1, tzinfo=UTC)
SESSIONS = ExchangeCalendar("XNYS", date(2022, 1, 1), date(2022, 2, 28)).sessions(date(2022, 1, 3), date(2022, 1, 31))
ROWS = [(session.day, {"close": 100.0 + number}) for number, session in enumerate(SESSIONS)]
FEED = """<rss><channel><title>A feed</title>
<item><title>Apple rises</title><pubDate>Mon, 03 Jan 2022 15:00:00 GMT</pubDate></item></channel></rss>"""


def taking(
    home: Path, answer: Callable[[httpx.Request], httpx.Response] | None = None, settings: Settings | None = None
) -> Intake:
    client = httpx.Client(transport=httpx.MockTransport(answer)) if answer else None
    return Intake(settings or Settings(), home, now=lambda: NOW, client=client, sleep=lambda _: None)


def take(home: Path, what: str, answer: Callable[[httpx.Request], httpx.Response] | None = None, **more: Any) -> Taken:
    return taking(home, answer).take(Wanted(what=what, **more))


def company(cik: int = 320193) -> bytes:
    row = {"start": "2020-09-27", "end": "2021-09-25", "val": 5, "accn": "1", "form": "10-K", "filed": "2021-10-29"}
    facts = {"us-gaap": {"Revenues": {"units": {"USD": [row]}}}}
    return json.dumps({"cik": cik, "entityName": "A", "facts": facts}).encode()


# ---------------------------------------------------------------- folders


def test_a_folder_of_prices_is_kept_with_what_was_found_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    lines = [f"{day},{row['close']}" for day, row in ROWS]
    (folder / "AAA.csv").write_text("\n".join(["date,close", *lines, "2022-01-15,99", "2022-01-31,130"]))
    taken = take(tmp_path, str(folder))
    assert taken.name == "folder_mine"
    assert taken.quality is not None
    # The 15th was a Saturday; the 31st is there twice, with two closes.
    assert [each.trouble for each in taken.quality.findings] == [Trouble.NO_SESSION, Trouble.DUPLICATE]
    assert kept_quality(tmp_path, "folder_mine") == taken.quality
    assert taken.said == ("1 symbols from 2022-01-03 to 2022-01-31, close",)


def test_a_file_with_two_ways_to_write_a_date_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "AAA.csv").write_text("date,close\n2022-01-03,100\n04/01/2022,101\n")
    with pytest.raises(InputError, match=r"AAA\.csv, line 3: '04/01/2022' is no date here"):
        take(tmp_path, str(tmp_path))


def test_a_name_of_something_that_ships_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "prices"
    folder.mkdir()
    (folder / "AAA.csv").write_text("date,close\n2022-01-03,100\n")
    with pytest.raises(InputError, match="synthetic is the name of something that ships"):
        take(tmp_path, str(folder), name="synthetic")


def test_company_facts_in_a_folder_are_read_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "sec"
    folder.mkdir()
    (folder / "companyfacts_AAPL_CIK0000320193.json.gz").write_bytes(gzip.compress(company()))
    taken = take(tmp_path, str(folder))
    assert taken.said == ("companyfacts_AAPL_CIK0000320193.json.gz: 1 facts",)
    held = open_library(Settings(), tmp_path, seed=7).fundamentals.asof("AAPL", NAMES, FAR)
    assert [(fact.name, fact.value) for fact in held] == [("revenue", 5.0)]


def test_a_broken_file_of_company_facts_is_not_kept(tmp_path: Path) -> None:
    folder = tmp_path / "sec"
    folder.mkdir()
    (folder / "CIK0000320193.json").write_text("{}")
    with pytest.raises(DataError, match="is no file of company facts"):
        take(tmp_path, str(folder))
    assert not (tmp_path / "data" / "edgar").exists()


def test_saved_headlines_are_read_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "feed.xml").write_text(FEED)
    (folder / "told.csv").write_text("known_at,text,symbols,source\n2022-01-03T15:00:00Z,Microsoft falls,MSFT,a wire\n")
    assert take(tmp_path, str(folder)).said == (
        "feed.xml: 1 headlines about known symbols",
        "told.csv: 1 headlines about known symbols",
    )
    news = open_library(Settings(), tmp_path, seed=7).news
    assert len(news.asof(["AAPL", "MSFT"], datetime(2022, 1, 1, tzinfo=UTC), FAR)) == 2


# ---------------------------------------------------------------- what ships


@pytest.mark.parametrize(("name", "kept"), [("sample", "sample_stocks"), ("bokeh", "bokeh")])
def test_what_ships_is_converted(tmp_path: Path, name: str, kept: str) -> None:
    assert take(tmp_path, name).name == kept
    assert (tmp_path / "data" / kept / "manifest.json").is_file()


def test_a_synthetic_market_needs_no_import(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs no import; bursar demo --world synthetic"):
        take(tmp_path, "synthetic")


def test_what_is_neither_is_named_beside_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere is no folder and no source"):
        take(tmp_path, "nowhere")


# ---------------------------------------------------------------- who is asked


@pytest.fixture
def vendors(monkeypatch: pytest.MonkeyPatch) -> dict[str, Told]:
    """Return the vendors that are asked, each of which a test may make fail; none of them leaves this machine."""
    told = {name: Told(name, {"AAPL": ROWS}) for name in intake.ORDER}

    def provider(self: Intake, name: str, exchange: str = "XNYS") -> Provider:
        return told[name]

    monkeypatch.setattr(Intake, "provider", provider)
    return told


def test_the_vendors_are_asked_in_their_order_until_one_answers(tmp_path: Path, vendors: dict[str, Told]) -> None:
    vendors["ibkr"].fails = DataError("no gateway answers")
    taken = take(tmp_path, "auto", symbols=("AAPL",))
    assert [(each.provider, each.taken) for each in taken.attempts] == [("ibkr", False), ("yfinance", True)]
    assert taken.name == "yfinance"
    settings = build({"market.source": Given("yfinance", "in a test")})
    held = open_library(settings, tmp_path, seed=7)
    assert held.history().asof(["AAPL"], "close", FAR).values[-1, 0] == ROWS[-1][1]["close"]


def test_one_vendor_can_be_named_and_held_against_another(tmp_path: Path, vendors: dict[str, Told]) -> None:
    vendors["ibkr"].rows = {
        "AAPL": [(day, {"close": 100.0 if n == 5 else row["close"]}) for n, (day, row) in enumerate(ROWS)]
    }
    taken = take(tmp_path, "yfinance", symbols=("AAPL",), compare="ibkr", name="checked")
    assert taken.attempts[-1].said == "contradicts it on 2 days"
    assert {each.trouble for each in kept_quality(tmp_path, "checked").findings} == {Trouble.CONTRADICTION}


def test_the_watchlist_is_asked_for_where_no_symbols_are_given(tmp_path: Path, vendors: dict[str, Told]) -> None:
    settings = build({"market.watchlist": Given("AAPL", "in a test")})
    assert taking(tmp_path, settings=settings).take(Wanted(what="ibkr")).name == "ibkr"
    with pytest.raises(InputError, match="say of which symbols"):
        take(tmp_path, "ibkr")


def test_days_that_run_backward_are_refused(tmp_path: Path, vendors: dict[str, Told]) -> None:
    with pytest.raises(InputError, match="no range; give the earlier day first"):
        take(tmp_path, "ibkr", symbols=("AAPL",), first=date(2022, 1, 3), last=date(2021, 1, 3))


def test_statements_and_headlines_of_the_same_vendor_come_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    told = Told("financial_datasets", {"AAPL": ROWS})
    told.news = (Headline(symbols=("AAPL",), text="Apple rises", source="a wire", known_at=NOW),)
    rich = replace(told.offer, has=frozenset({"prices", "statements", "news"}))
    monkeypatch.setattr(Told, "offer", property(lambda self: rich))
    monkeypatch.setattr(Intake, "provider", lambda self, name, exchange: told)
    taken = take(tmp_path, "financial_datasets", symbols=("AAPL",))
    assert taken.said[1:] == ("0 facts from statements", "1 headlines")
    assert (tmp_path / "data" / "news" / "financial_datasets.csv").is_file()
    told.news = ()
    assert (
        take(tmp_path, "financial_datasets", symbols=("AAPL",)).said[-1]
        == "and no more: financial_datasets has no news"
    )


def test_each_vendor_can_be_reached_by_its_name(tmp_path: Path) -> None:
    settings = build({"models.financial_datasets_api_key": Given("a key", "in a test")})
    for name in intake.ORDER:
        assert taking(tmp_path, settings=settings).provider(name).offer.name == name
    with pytest.raises(InputError, match="there is no source nobody to ask"):
        taking(tmp_path).provider("nobody")


def test_the_key_goes_to_its_vendor_in_a_header_and_nowhere_else(tmp_path: Path) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"prices": []})

    settings = build({"models.financial_datasets_api_key": Given("a-secret-key", "in a test")})
    taking(tmp_path, answer, settings).provider("financial_datasets").prices(
        ["AAPL"], date(2022, 1, 3), date(2022, 1, 31)
    )
    assert seen[0].headers["X-API-KEY"] == "a-secret-key"
    assert not any(b"a-secret-key" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_company_facts_are_fetched_from_the_sec_under_their_number(tmp_path: Path) -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, content=company())

    assert take(tmp_path, "edgar", answer, symbols=("AAPL",)).said == ("AAPL: 1 facts",)
    assert seen == ["https://data.sec.gov/api/xbrl/companyfacts/CIK0000320193.json"]
    assert (tmp_path / "data" / "edgar" / "CIK0000320193.json").is_file()


def test_another_companys_facts_are_not_kept(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds company 7"):
        take(tmp_path, "edgar", lambda _: httpx.Response(200, content=company(7)), symbols=("AAPL",))
    assert not (tmp_path / "data" / "edgar" / "CIK0000320193.json").exists()


@pytest.mark.parametrize(("symbols", "said"), [((), "no symbol: give --symbols"), (("ZZZ",), "ZZZ: give --symbols")])
def test_a_company_whose_number_is_not_known_is_named(tmp_path: Path, symbols: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        take(tmp_path, "edgar", symbols=symbols)


def test_a_feed_is_fetched_once_it_reads(tmp_path: Path) -> None:
    taken = take(tmp_path, "https://news.example/rss", lambda _: httpx.Response(200, text=FEED), name="a_feed")
    assert taken.said == ("1 headlines about known symbols",)
    assert (tmp_path / "data" / "news" / "a_feed.xml").is_file()
    taken = take(tmp_path, "https://other.example/rss", lambda _: httpx.Response(200, text=FEED), symbols=("MSFT",))
    assert taken.said == ("0 headlines about known symbols",)
    with pytest.raises(DataError, match="is no feed"):
        take(tmp_path, "https://bad.example/rss", lambda _: httpx.Response(200, text="no feed"), name="bad")
    assert not (tmp_path / "data" / "news" / "bad.xml").exists()


# ---------------------------------------------------------------- what is told of it


def test_what_was_found_is_told_or_it_is_said_that_nothing_was(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing was found out about mine"):
        kept_quality(tmp_path, "mine")
    (tmp_path / "data" / "mine").mkdir(parents=True)
    (tmp_path / "data" / "mine" / "quality.json").write_text("{}")
    with pytest.raises(InputError, match="does not read"):
        kept_quality(tmp_path, "mine")


def test_a_day_on_the_command_line_is_read_or_refused() -> None:
    assert moment("2021-03-31") == date(2021, 3, 31)
    with pytest.raises(InputError, match="write it as 2021-03-31"):
        moment("31/03/2021")


def test_every_source_is_listed_with_what_it_has_and_lacks(tmp_path: Path) -> None:
    folder = tmp_path / "prices"
    folder.mkdir()
    (folder / "AAA.csv").write_text("date,close\n2022-01-03,100\n")
    take(tmp_path, str(folder), name="mine", prices=PriceKind.PRICE)
    take(tmp_path, "bokeh")
    for name, text in (("broken", "{"), ("old", None)):
        place = tmp_path / "data" / name
        place.mkdir()
        made = json.loads((tmp_path / "data" / "mine" / "manifest.json").read_text())
        del made["about"]
        (place / "manifest.json").write_text(json.dumps(made) if text is None else text)
    shown = {each.name: each for each in every_source(Settings(), tmp_path)}
    assert list(shown) == [
        *("sample", "bokeh", "synthetic", "broken", "mine", "old"),
        *("ibkr", "yfinance", "financial_datasets", "edgar", "rss"),
    ]
    assert shown["synthetic"].simulated
    assert shown["synthetic"].note.startswith("SYNTHETIC")
    assert shown["mine"].here
    assert "volume" in shown["mine"].lacks
    assert not shown["broken"].here
    assert "earlier Bursar" in shown["old"].note
    assert [name for name, _, _ in watchlists()][:3] == ["large_caps", "technology", "starter"]


# ---------------------------------------------------------------- whose sessions they are


def test_a_list_is_asked_for_on_its_own_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    # Sydney is shut on the Monday after New Year, and on Australia Day.
    told = Told("yfinance", {"BHP": [each for each in ROWS if each[0].day not in (3, 26)]})

    def provider(self: Intake, name: str, exchange: str) -> Provider:
        asked.append(exchange)
        return told

    monkeypatch.setattr(Intake, "provider", provider)
    taken = take(tmp_path, "yfinance", symbols=("BHP",), lists=("australia",), name="sydney")
    source = read_manifest(tmp_path / "data" / taken.name).about
    assert asked == ["XASX"]
    assert source is not None
    assert (source.exchange, source.currency) == ("XASX", "AUD")
    with pytest.raises(InputError, match="australia is listed on XASX, and --exchange is XETR"):
        take(tmp_path, "yfinance", symbols=("BHP",), lists=("australia",), exchange="XETR")
    with pytest.raises(InputError, match="--currency is of the prices in a folder"):
        take(tmp_path, "yfinance", symbols=("BHP",), currency="AUD")
    abroad = build({"market.exchange": Given("XETR", "in a test")})
    taking(tmp_path, settings=abroad).take(Wanted(what="yfinance", symbols=("BHP",), name="other"))
    assert asked[-1] == "XETR"


def test_a_folder_of_an_exchange_or_a_currency_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "prices"
    folder.mkdir()
    (folder / "AAA.csv").write_text("date,close\n2022-01-04,1\n")
    with pytest.raises(InputError, match="XTKS is no exchange whose currency"):
        take(tmp_path, str(folder), exchange="XTKS")
    with pytest.raises(InputError, match="XXX is no currency; give an ISO 4217 code such as AUD, or GBX"):
        take(tmp_path, str(folder), currency="XXX")


def test_financial_datasets_is_of_the_united_states_alone(tmp_path: Path) -> None:
    settings = build({"models.financial_datasets_api_key": Given("k", "in a test")})
    with pytest.raises(InputError, match="financial_datasets has the United States alone, and XASX was asked for"):
        taking(tmp_path, settings=settings).provider("financial_datasets", "XASX")
