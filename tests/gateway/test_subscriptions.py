"""Profit and positions under a number, as a client subscribes to them: what is told, when, and what is not."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from bursar.gateway.fees import BasisPoints
from bursar.gateway.hub import Hub, Limits
from bursar.gateway.interest import Benchmark, InterestPlan
from bursar.gateway.messages import replies as r
from bursar.gateway.messages import requests as q
from bursar.gateway.terms import Terms
from tests.gateway import worlds
from tests.gateway.clients import Client, errors, hub_of, kinds, market, one, only, to_open

D = Decimal
DAY = timedelta(days=1)
ACCOUNT, OTHER = "DU9000001", "DU9000002"


@pytest.fixture
def hub() -> Hub:
    """Return a gateway with two accounts, at the opening bell of a quiet day, where trading is free."""
    made = hub_of(worlds.written(), Terms(accounts=(ACCOUNT, OTHER), fees=BasisPoints(rate=D(0))))
    to_open(made)
    return made


@pytest.fixture
def client(hub: Hub) -> Client:
    return Client(hub)


def number(hub: Hub) -> int:
    return hub.contracts["AAA"].con_id


def bought(client: Client, quantity: int = 10, order_id: int = 1, account: str = ACCOUNT) -> list[object]:
    return client.ask(market(order_id, "BUY", quantity, account=account))


def test_profit_of_an_account_is_told_at_once_and_again_when_prices_move_it(hub: Hub, client: Client) -> None:
    bought(client)
    (told,) = client.ask(q.ReqPnL(req_id=5, account=ACCOUNT))
    # Ten shares bought at 101, last 100.
    assert told == r.PnL(req_id=5, daily_pnl=D("-10.00"), unrealized_pnl=D("-10.00"), realized_pnl=D("0.00"))
    hub.step()
    # At noon AAA is at 94.50.
    assert client.told() == [r.PnL(req_id=5, daily_pnl=D(-65), unrealized_pnl=D(-65), realized_pnl=D(0))]
    assert client.told() == []


def test_an_execution_moves_profit_and_closing_realizes_it(client: Client) -> None:
    client.ask(q.ReqPnL(req_id=5, account=ACCOUNT))
    assert one(r.PnL, bought(client)).unrealized_pnl == -10
    told = one(r.PnL, client.ask(market(2, "SELL", 10, account=ACCOUNT)))
    assert (told.daily_pnl, told.unrealized_pnl, told.realized_pnl) == (D(-20), D(0), D(-20))


def test_profit_of_one_position_counts_from_the_last_close(hub: Hub, client: Client) -> None:
    bought(client)
    while hub.exchange.session is hub.exchange.world.sessions[0]:
        hub.step()
    client.told()
    (told,) = client.ask(q.ReqPnLSingle(req_id=6, account=ACCOUNT, con_id=number(hub)))
    # The day ended at 100; the next has not begun to trade.
    assert told == r.PnLSingle(
        req_id=6, position=D(10), daily_pnl=D(0), unrealized_pnl=D(-10), realized_pnl=D(0), value=D(1000)
    )
    to_open(hub)
    hub.step()
    assert one(r.PnLSingle, client.told()).daily_pnl == 10 * D("-5.50")
    client.ask(market(2, "SELL", 4, account=ACCOUNT))
    hub.step()
    # Four sold at 94, 24 below the close together; six are at 105.50.
    told = only(r.PnLSingle, client.ask(q.ReqPnLSingle(req_id=7, account=ACCOUNT, con_id=number(hub))))[-1]
    assert (told.daily_pnl, told.realized_pnl, told.unrealized_pnl) == (D(-24) + D(33), D(-28), D("27.00"))


def test_a_position_that_is_not_held_has_no_profit(hub: Hub, client: Client) -> None:
    (told,) = client.ask(q.ReqPnLSingle(req_id=6, account=OTHER, con_id=number(hub)))
    assert (told.position, told.daily_pnl, told.value) == (0, 0, 0)


def test_profit_is_told_until_it_is_canceled(hub: Hub, client: Client) -> None:
    bought(client)
    client.ask(q.ReqPnL(req_id=5, account=ACCOUNT), q.ReqPnLSingle(req_id=6, account=ACCOUNT, con_id=number(hub)))
    hub.step()
    assert kinds(client.told()) == ["PnL", "PnLSingle"]
    client.ask(q.CancelPnL(req_id=5), q.CancelPnLSingle(req_id=6), q.CancelPnL(req_id=9), q.CancelPnLSingle(req_id=9))
    hub.step()
    assert client.told() == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (q.ReqPnL(req_id=7, account="DU1"), 321),
        (q.ReqPnLSingle(req_id=7, account="DU1", con_id=1), 321),
        (q.ReqPnLSingle(req_id=7, account=ACCOUNT, con_id=1), 200),
        (q.ReqPnL(req_id=5, account=ACCOUNT), 322),
        (q.ReqPositionsMulti(req_id=7, account="DU1"), 321),
    ],
)
def test_a_subscription_to_nothing_is_refused(client: Client, request_: object, code: int) -> None:
    client.ask(q.ReqPnL(req_id=5, account=ACCOUNT))
    ((_, told),) = errors(client.ask(request_))
    assert told == code


def test_positions_under_a_number_are_those_of_one_account_or_of_all(hub: Hub, client: Client) -> None:
    bought(client)
    bought(client, 7, 2, OTHER)
    one_account = client.ask(q.ReqPositionsMulti(req_id=8, account=OTHER))
    assert kinds(one_account) == ["PositionMulti", "PositionMultiEnd"]
    assert (one_account[0].account, one_account[0].position, one_account[0].avg_cost) == (OTHER, 7, 101)
    everything = client.ask(q.ReqPositionsMulti(req_id=9))
    assert [each.account for each in only(r.PositionMulti, everything)] == [ACCOUNT, OTHER]
    told = only(r.PositionMulti, bought(client, 1, 3))
    assert [(each.req_id, each.position) for each in told] == [(9, D(11))]
    client.ask(q.CancelPositionsMulti(req_id=9))
    assert only(r.PositionMulti, bought(client, 1, 4)) == []


def test_a_ledger_is_told_for_all_currencies_together_for_one_or_for_each(client: Client) -> None:
    def rows(tags: str) -> set[str]:
        told = only(r.AccountSummary, client.ask(q.ReqAccountSummary(req_id=3, tags=tags)))
        client.ask(q.CancelAccountSummary(req_id=3))
        assert {each.tag for each in told} >= {"CashBalance", "ExchangeRate", "RealizedPnL"} or not told
        return {each.currency for each in told}

    assert rows("$LEDGER") == {"BASE"}
    assert rows("$LEDGER:USD") == {"USD"}
    assert rows("$LEDGER:ALL") == {"BASE", "USD"}
    assert rows("$LEDGER:EUR") == set()


def test_interest_that_is_posted_is_told_without_an_execution() -> None:
    plan = InterestPlan(benchmarks=(Benchmark(rate=D("4.5")),))
    hub = hub_of(worlds.written(*[worlds.QUIET] * 4, first=date(2022, 1, 31)), Terms(interest=plan))
    client = Client(hub)
    client.ask(q.ReqAccountUpdates(subscribe=True, acct_code=ACCOUNT))
    told: list[r.AccountValue] = []
    while hub.step():
        told += only(r.AccountValue, client.told())
    # January's night on 90,000 at 4 %, on the third day of February.
    assert [each.value for each in told if (each.key, each.currency) == ("CashBalance", "USD")] == ["100010.00"]
    # Two nights of February, which nobody was told of while they accrued.
    assert [each.value for each in told if (each.key, each.currency) == ("AccruedCash", "USD")] == ["20.00"]


def test_values_that_prices_moved_are_told_every_so_often_where_that_is_asked_for() -> None:
    for every, told_at in ((None, []), (timedelta(hours=2), [17, 20]), (timedelta(hours=3), [20]), (DAY, [])):
        hub = hub_of(worlds.written(worlds.QUIET), limits=Limits(account_updates=every))
        to_open(hub)
        client = Client(hub)
        client.ask(q.ReqAccountUpdates(subscribe=True, acct_code=ACCOUNT), market(1, "BUY", 10))
        client.ask(q.ReqAccountSummary(req_id=3, tags="NetLiquidation"))
        hours = []
        while hub.exchange.now.hour < 20:
            hub.step()
            told = client.told()
            if only(r.AccountValue, told):
                hours.append(hub.exchange.now.hour)
                assert [each.market_value for each in only(r.PortfolioValue, told)] != []
                assert len(only(r.AccountSummary, told)) == 1
        assert hours == told_at


def test_only_what_changed_is_told_again(client: Client) -> None:
    first = client.ask(q.ReqAccountUpdates(subscribe=True, acct_code=ACCOUNT))
    names = [(each.key, each.currency) for each in only(r.AccountValue, first)]
    assert len(names) == len(set(names)) > 120
    again = only(r.AccountValue, bought(client))
    assert {each.key for each in again} >= {"NetLiquidation", "CashBalance", "GrossPositionValue", "AvailableFunds-S"}
    assert not {each.key for each in again} & {"AccountType", "Currency", "FundValue", "RealizedPnL", "AccruedCash"}
    assert len(again) < 60
