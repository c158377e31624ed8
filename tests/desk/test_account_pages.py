"""What a person reads of an account: where it differs from the books, and what a dry run found."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

from rich.console import Console

from bursar.desk import dryrun, observing
from bursar.domain.accounts import AccountSnapshot, BrokerPosition
from bursar.domain.events import (
    AccountOpened,
    Check,
    Deposited,
    Event,
    InstrumentListed,
    PositionAdopted,
    Rejected,
    TradingState,
)
from bursar.runtime.rehearsal import Intended, LeftOut, Prices, Rehearsal, left_out
from bursar.trading.mandate import Autonomy
from tests.builders import ACCOUNT, OPEN, filled, instrument, money, order
from tests.trading.test_engine import fresh

D = Decimal
BOOKS: list[Event] = [
    AccountOpened(event_id="account", at=OPEN, account=ACCOUNT, base_currency="USD"),
    InstrumentListed(event_id="i", at=OPEN, instrument=instrument()),
    Deposited(event_id="cash", at=OPEN, account=ACCOUNT, portfolio="", amount=money("100.10")),
    PositionAdopted(
        event_id="held", at=OPEN, account=ACCOUNT, portfolio="", symbol="AAPL", quantity=D(5), hands_off=True
    ),
]


def printed(page: object) -> str:
    into = StringIO()
    Console(width=120, file=into).print(page)
    return into.getvalue()


def seen(cash: str, shares: int, foreign: tuple[str, ...] = ()) -> observing.Observed:
    held = (BrokerPosition(symbol="AAPL", quantity=D(shares), average_cost=D(1)),) if shares else ()
    told = AccountSnapshot(account=ACCOUNT, at=OPEN, cash={"USD": D(cash)}, positions=held, equity=D(600))
    return observing.observed(told, BOOKS, "USD", foreign, ())


def test_an_account_equals_its_books_to_the_share_and_the_cent() -> None:
    found = seen("100.10", 5)
    assert found.equal
    shown = printed(observing.as_page(found))
    assert "hands off, cost not known" in shown
    assert "✓ equal to the share and the cent" in shown
    assert seen("100.11", 5).equal  # the broker rounded twice
    for other in (seen("100.12", 5), seen("100.10", 4), seen("100.10", 0), seen("100.10", 5, ("SPY C400",))):
        assert not other.equal


def test_what_differs_is_shown_with_both_sides() -> None:
    found = seen("90.10", 7, ("SPY C400",))
    shown = printed(observing.as_page(found))
    assert "+2" in shown
    assert "-10.00" in shown
    assert "SPY C400" in shown
    assert "✗ they differ" in shown
    plain = observing.as_plain(found)
    assert plain["positions"][0] | {"what": "AAPL"} == {
        "what": "AAPL",
        "broker": "7",
        "books": "5",
        "hands_off": True,
        "basis_known": False,
        "difference": "2",
    }
    assert plain["cash"][0]["difference"] == "-10.00"


CHECKS = (
    Check("trading_state", D(1), D(1), True),
    Check("position_weight", D("0.19"), D("0.20"), True),
    Check("margin_cushion", D("0.20"), D("0.10"), True),
    Check("portfolio_volatility", D("0.16"), D("0.15"), False),
    Check("order_value", D(100), D(1000), True),
)
FOUND = Rehearsal(
    account=ACCOUNT,
    currency="USD",
    at=datetime(2022, 1, 1, 12, tzinfo=UTC),
    decision_at=datetime(2022, 1, 3, 14, 35, tzinfo=UTC),
    prices=Prices.CLOSES,
    autonomy=Autonomy.PROPOSE,
    state=TradingState.ACTIVE,
    equity=D(1000),
    cash=D(900),
    orders=(
        Intended(order=order(), price=D(100), notional=D(1000), cost=D("1.25"), checks=CHECKS, first_asked=True),
        Intended(order=order("o-00000002"), price=D(100), notional=D(500), cost=D("0.75"), checks=CHECKS[:1]),
    ),
    changes=("o-00000009",),
    left_out=(LeftOut(symbol="MSFT", why="it is named by sleeve.hands_off"),),
)


def test_a_dry_run_says_what_would_be_sent_and_how_near_its_limits_are() -> None:
    shown = printed(dryrun.as_page(FOUND, "America/New_York"))
    said = "what would be sent at Monday 2022-01-03 09:35 EST, as things are at 2022-01-01 07:00 EST (America/New_York)"
    assert said in " ".join(shown.split())
    assert "the last closes where there is no quote" in shown
    assert "(the broker is asked first)" in shown
    assert "2.00 USD for half a spread and the fees" in shown
    # Volatility is beyond its wish, the position at 95 % of its limit, and half of the cushion is used.
    used = [(use.rule, round(use.part, 2), use.warned) for use in dryrun.uses(FOUND.orders)]
    assert used == [
        ("portfolio_volatility", 1.07, True),
        ("position_weight", 0.95, False),
        ("margin_cushion", 0.5, False),
        ("order_value", 0.1, False),
    ]
    assert "1 other limits are less than half used" in shown
    assert "comes back: o-00000009" in shown
    assert "strategy.autonomy is propose" in shown
    plain = dryrun.as_plain(FOUND, "America/New_York")
    assert (plain["sent"], plain["cost"], plain["orders"][0]["broker_asked_first"]) == ([], "2.00", True)
    assert (plain["time_zone"], plain["decision_at"]) == ("America/New_York", "2022-01-03T09:35:00-05:00")
    assert "MSFT: it is named by sleeve.hands_off" in shown
    assert plain["left_out"] == [{"symbol": "MSFT", "why": "it is named by sleeve.hands_off"}]


def test_what_is_hands_off_or_held_beside_the_sleeve_is_left_out_by_name() -> None:
    engine = fresh()
    engine.mandate = replace(engine.mandate, hands_off=frozenset({"MSFT"}), capital=D(50_000))
    engine.absorb(replace(BOOKS[-1], event_id="adopted"))
    engine.absorb(replace(filled("x", 7, 50, symbol="XOM", order_id=""), portfolio=""))
    assert [(each.symbol, each.why) for each in left_out(engine)] == [
        ("AAPL", "5 were there before Bursar and are hands-off"),
        ("MSFT", "it is named by sleeve.hands_off"),
        ("XOM", "7 are held outside of the sleeve, and stay"),
    ]
    assert left_out(fresh()) == ()


def test_a_dry_run_says_why_nothing_or_less_would_be_sent() -> None:
    refused = Rejected(
        event_id="r", at=OPEN, order=order(), rule="earnings", measured=D(1), limit=D(2), message="AAPL reports on it"
    )
    stopped = replace(
        FOUND, orders=(), refused=(refused,), skipped=("halted: enough",), state=TradingState.HALTED, changes=()
    )
    shown = printed(dryrun.as_page(stopped, "America/New_York"))
    assert "halted: enough" in shown
    assert "AAPL reports on it" in shown
    assert "bursar rearm lets it go on" in shown
    assert dryrun.as_plain(stopped, "America/New_York")["refused"][0]["rule"] == "earnings"
    idle = replace(stopped, refused=(), skipped=(), state=TradingState.ACTIVE)
    assert "Nothing: what is held is what is wanted." in printed(dryrun.as_page(idle, "America/New_York"))
