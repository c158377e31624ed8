"""An account that is there already: what it is made of, and what it refuses to begin with."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import ib_async
import pytest

from bursar.adapters.ib_connection import Address
from bursar.adapters.simulated import SimulatedBroker
from bursar.config import Given, Settings, build
from bursar.domain.accounts import AccountSnapshot, BrokerExecution
from bursar.domain.events import CashMoved, Deposited, Mode, OrderCanceled
from bursar.domain.market import Slice
from bursar.domain.orders import ApprovedOrder
from bursar.errors import BrokerError, DataError, InputError
from bursar.gateway.exchange import Exchange
from bursar.runtime import account as runs
from bursar.runtime.account import Account, Place
from bursar.runtime.alone import alone
from bursar.runtime.door import Admitted
from bursar.runtime.seal import Rehearsed, Sealed
from bursar.testing import sample_world
from bursar.trading.agenda import Agenda, Rhythm, Task
from tests.builders import ACCOUNT, order

PAPER = Admitted(name="main", account=ACCOUNT, mode=Mode.PAPER, budget=None)
AT = datetime(2022, 1, 5, 13, tzinfo=UTC)


def settings_of(**said: str) -> Settings:
    usual = {"market.watchlist": "AAPL, JPM"}
    given = usual | {name.replace("__", "."): value for name, value in said.items()}
    return build({key: Given(value, "in a test") for key, value in given.items()})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def held(symbol: str, kind: str = "STK", currency: str = "USD") -> ib_async.Contract:
    return ib_async.Contract(secType=kind, symbol=symbol, localSymbol=symbol, currency=currency, conId=7)


def prepared(home: Path, *contracts: ib_async.Contract, at: datetime = AT, **said: str) -> Account:
    place = Place(address=Address(account=ACCOUNT), at=at, admitted=PAPER, held=contracts)
    return runs.prepare(settings_of(**said), home, place)


def snapshot(cash: str = "100000", **said: object) -> AccountSnapshot:
    told = AccountSnapshot(account=ACCOUNT, at=AT, cash={"USD": Decimal(cash), "EUR": Decimal(5)})
    return replace(told, **said)  # type: ignore[arg-type]


def test_what_is_held_and_not_traded_is_booked_and_what_is_no_share_is_named(home: Path) -> None:
    account = prepared(home, held("AAPL"), held("BRK B"), held("SAP", currency="EUR"), held("SPY C400", "OPT"))
    assert [each.symbol for each in account.beside] == ["BRK.B", "SAP"]
    assert account.instruments["SAP"].currency == "EUR"
    assert account.foreign == ("SPY C400",)
    assert {each.symbol for each in account.traded} == {"AAPL", "JPM"}
    # Numbers of contracts that a library made up mean nothing to a broker.
    assert {each.contract_id for each in account.traded} == {0}


def test_books_begin_with_the_cash_that_the_broker_told_and_with_the_sleeve(home: Path) -> None:
    account = prepared(home, sleeve__capital="40000")
    events = runs.beginning(account, runs.engine(account), snapshot())
    put = {each.amount.currency: (each.portfolio, each.amount.amount) for each in events if isinstance(each, Deposited)}
    assert put == {"USD": ("", Decimal(100_000)), "EUR": ("", Decimal(5))}
    (moved,) = (each for each in events if isinstance(each, CashMoved))
    assert (moved.to_portfolio, moved.amount.amount) == ("main", Decimal(40_000))
    with pytest.raises(InputError, match=r"sleeve\.capital is 40,000\.00 USD, and 39,999\.00 are there"):
        runs.beginning(account, runs.engine(account), snapshot("39999"))


def test_books_do_not_begin_on_a_day_on_which_the_account_has_traded(home: Path) -> None:
    account = prepared(home)
    executed = (BrokerExecution(execution_id="e1", order_id="", symbol="AAPL"),)
    with pytest.raises(InputError, match="has traded today"):
        runs.beginning(account, runs.engine(account), snapshot(executions=executed))


def test_nothing_is_decided_on_prices_that_are_behind(home: Path) -> None:
    prepared(home).require_prices()
    late = prepared(home, at=datetime(2024, 3, 6, 20, tzinfo=UTC))
    with pytest.raises(DataError, match="import newer ones"):
        late.require_prices()


def test_a_run_ends_on_the_morning_that_has_no_prices_and_at_its_time(home: Path) -> None:
    account = prepared(home)
    engine = runs.engine(account)
    over = runs.Until(account, engine, datetime(2022, 1, 5, 15, tzinfo=UTC))
    assert not over()
    engine.see(Slice(at=datetime(2022, 1, 5, 15, tzinfo=UTC), quotes=()))
    assert over()
    late = prepared(home, at=datetime(2022, 12, 27, 13, tzinfo=UTC))
    last = late.closes().dates[-1].astype(object)
    assert last == date(2022, 12, 23)
    following = runs.engine(late)
    assert not runs.Until(late, following, None)()
    following.see(Slice(at=datetime(2022, 12, 30, 15, tzinfo=UTC), quotes=()))
    with pytest.raises(DataError, match="import newer ones"):
        runs.Until(late, following, None)()


def test_a_time_of_day_is_meant_in_the_zone_of_the_settings() -> None:
    assert runs.moment("09:45", AT, "America/New_York") == datetime(2022, 1, 5, 14, 45, tzinfo=UTC)
    with pytest.raises(InputError, match="'9h45' is no time of day"):
        runs.moment("9h45", AT, "America/New_York")


def test_two_processes_do_not_work_on_one_account(tmp_path: Path) -> None:
    with alone(tmp_path / "DU1", "another process works on DU1"):
        again = alone(tmp_path / "DU1", "another process works on DU1")
        with pytest.raises(InputError, match="another process works on DU1 in"), again:
            pass
    with alone(tmp_path / "DU1", "nobody is left"):
        pass


def test_a_sealed_broker_answers_and_takes_nothing() -> None:
    exchange = Exchange(sample_world())
    through = SimulatedBroker(exchange)
    sealed, approved = Sealed(through), ApprovedOrder(order=order(), approval_id="a-1")
    for asked in (
        sealed.place(approved),
        sealed.place(approved, held=True),
        sealed.amend(approved),
        sealed.cancel("o-00000001"),
        sealed.preview(order()),
    ):
        with pytest.raises(BrokerError, match="nothing is sent") as refused:
            asyncio.run(asked)
        assert not refused.value.retryable
    assert exchange.notices == []
    assert sealed.orders == [order(), order()]
    assert asyncio.run(sealed.account()) == asyncio.run(through.account())


def test_a_rehearsal_takes_cancels_for_granted_and_sends_none() -> None:
    exchange = Exchange(sample_world())
    rehearsed = Rehearsed(SimulatedBroker(exchange), lambda: AT)
    asyncio.run(rehearsed.cancel("o-00000001"))
    (canceled,) = rehearsed.reports()
    assert isinstance(canceled, OrderCanceled)
    assert (canceled.order_id, canceled.at) == ("o-00000001", AT)
    assert rehearsed.reports() == ()
    assert asyncio.run(rehearsed.preview(order())).order == order()
    assert (rehearsed.asked, exchange.notices) == ([order()], [])


def test_the_next_decision_is_at_once_or_in_the_session_that_has_not_had_one(home: Path) -> None:
    account = prepared(home)
    agenda, sessions = Agenda(), account.sessions
    today = next(session for session in sessions if session.day == date(2022, 1, 5))
    traded = {today.day: {Task.TRADE}}
    noon = datetime(2022, 1, 5, 17, tzinfo=UTC)

    def asked(at: datetime, agenda: Agenda = agenda, *, done: bool = False) -> datetime | None:
        return agenda.next_trade(sessions, at, lambda day: traded.get(day, set()) if done else set())

    def since(at: datetime) -> datetime | None:
        return agenda.next_trade([each for each in sessions if each.close > at], at, lambda day: set())

    assert since(noon) == noon
    assert since(AT) == datetime(2022, 1, 5, 14, 35, tzinfo=UTC)
    assert since(today.close) == datetime(2022, 1, 6, 14, 35, tzinfo=UTC)
    assert asked(noon, done=True) == datetime(2022, 1, 6, 14, 35, tzinfo=UTC)
    assert asked(noon, Agenda(rhythm=Rhythm.MONTHLY)) == datetime(2022, 2, 1, 14, 35, tzinfo=UTC)
    assert agenda.next_trade(sessions[:1], noon, lambda day: set()) is None


# ---------------------------------------------------------------- other markets


def test_an_account_abroad_lives_by_the_sessions_of_its_exchange(home: Path) -> None:
    at = datetime(2022, 4, 3, 22, 30, tzinfo=UTC)  # Sunday in UTC, and Monday morning in Sydney
    abroad = {"market__exchange": "XASX", "market__source": "synthetic", "market__watchlist": "SYN001, SYN002"}
    account = prepared(home, at=at, **abroad)
    following = next(each for each in account.sessions if each.close > at)
    assert (following.exchange, following.day, following.open) == (
        *("XASX", date(2022, 4, 4)),
        datetime(2022, 4, 4, tzinfo=UTC),
    )
    assert account.mandate.base_currency == "AUD"
    assert {(each.exchange, each.currency) for each in account.traded} == {("XASX", "AUD")}
    account.require_prices()


def test_shares_of_another_exchange_under_a_symbol_that_is_traded_are_refused(home: Path) -> None:
    with pytest.raises(InputError, match="the account holds AAPL in EUR, and AAPL of XNYS in USD is to be traded"):
        prepared(home, held("AAPL", currency="EUR"))
    assert [each.symbol for each in prepared(home, held("SAP", currency="EUR")).beside] == ["SAP"]


def test_rates_are_told_in_the_currency_of_the_books_whatever_the_brokers_base() -> None:
    told = snapshot(base="USD", rates={"AUD": Decimal("0.8"), "EUR": Decimal("1.2")})
    assert told.rates_in("USD") == told.rates
    # A euro is 1.2 dollars, and a dollar 1 / 0.8 = 1.25 Australian ones: 1.5.
    assert told.rates_in("AUD") == {"EUR": Decimal("1.5"), "USD": Decimal("1.25")}
    assert told.rates_in("GBP") == {}
    assert snapshot(rates={"AUD": Decimal("0.8")}).rates_in("GBP") == {"AUD": Decimal("0.8")}
