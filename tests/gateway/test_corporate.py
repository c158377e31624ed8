"""Dividends, splits, new names and spin-offs, worked out by hand on raw prices."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bursar.domain.instruments import Instrument
from bursar.errors import InputError
from bursar.gateway.account import CashEntry
from bursar.gateway.actions import Action, Dividend, SpinOff, Split, SymbolChange, steps
from bursar.gateway.exchange import Exchange
from bursar.gateway.messages import requests as q
from bursar.gateway.path import Shape, SimulatedTape
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from tests.gateway.clients import Client, hub_of, kinds, market, to_open
from tests.gateway.test_exchange import ACCOUNT, FREE, exchange, said, until
from tests.gateway.worlds import CLOSE, NOON, OPEN, QUIET, order, tape, weekdays, written

D = Decimal
FIRST, SECOND, THIRD = date(2022, 1, 3), date(2022, 1, 4), date(2022, 1, 5)


def acting(*actions: Action, lot: str = "1", days: int = 3) -> World:
    return replace(written(*[QUIET] * days, lot=lot), actions=actions)


def held(*actions: Action, quantity: int = 10, lot: str = "1", **terms: Any) -> Exchange:
    """An exchange whose account bought at 101 on the first day, and stands at its close."""
    played = until(exchange(acting(*actions, lot=lot), **terms), OPEN)
    played.place(order(1, "BUY" if quantity > 0 else "SELL", abs(quantity)))
    return until(played, CLOSE)


# ---------------------------------------------------------------- dividends

DIVIDEND = Dividend(symbol="AAA", ex_day=SECOND, pay_day=THIRD, amount=D("0.25"))


def test_a_dividend_is_paid_on_its_day_for_what_was_held_at_the_close_before() -> None:
    played = held(DIVIDEND)
    account = played.accounts[ACCOUNT]
    until(played, OPEN)
    played.place(order(2, "BUY", 90))  # bought on the ex-day: no part in it
    before = account.cash
    assert account.entries == []
    until(played, OPEN)
    assert account.cash == before + D("2.50")  # ten shares at 0.25
    assert account.entries == [
        CashEntry(
            day=THIRD,
            kind="Dividends",
            amount=D("2.50"),
            symbol="AAA",
            description="AAA CASH DIVIDEND USD 0.25 PER SHARE",
        )
    ]
    assert said(played)[-1] == "AAA changed"


def test_who_sold_on_the_ex_day_still_has_it_and_who_is_short_owes_it() -> None:
    played = until(held(DIVIDEND), OPEN)
    played.place(order(2, "SELL", 10))
    until(played, OPEN)
    assert [entry.amount for entry in played.accounts[ACCOUNT].entries] == [D("2.50")]
    short = held(DIVIDEND, quantity=-10, shorts_allowed=True)
    until(until(short, OPEN), OPEN)
    (owed,) = short.accounts[ACCOUNT].entries
    assert (owed.kind, owed.amount) == ("Payment In Lieu Of Dividends", D("-2.50"))


def test_a_dividend_leaves_orders_at_their_prices() -> None:
    played = held(DIVIDEND)
    played.place(order(2, "SELL", limit="150", tif="GTC"))
    until(played, NOON)
    (resting,) = played.open_orders()
    assert resting.request.lmt_price == 150


# ---------------------------------------------------------------- splits


def test_a_split_multiplies_shares_keeps_their_cost_and_cancels_what_rests() -> None:
    played = held(Split(symbol="AAA", ex_day=SECOND, new=D(3), old=D(2)))
    played.place(order(2, "SELL", limit="150", tif="GTC"))
    played.place(order(3, "BUY", limit="1", symbol="BBB", tif="GTC"))
    account, seen = played.accounts[ACCOUNT], len(said(played))
    equity = played.credit.net_liquidation(account)
    played.advance()
    played.advance()  # the evening, and the morning after
    position = account.position("AAA")
    assert (position.quantity, position.cost) == (D(15), D(1010))
    assert said(played)[seen:] == ["2 code 202", "2 Cancelled", "AAA changed"]
    assert account.available_shares("AAA") == 15
    # Before the market opens the account is worth what it was: 15 at two thirds of the last price.
    assert abs(played.credit.net_liquidation(account) - equity) < D("1e-20")
    assert [each.request.symbol for each in played.open_orders()] == ["BBB"]


def test_a_part_of_a_share_is_paid_out_at_the_last_price() -> None:
    # 10 for 3 makes 33 1/3 of 10. The close was 100, so that the third is worth a third of 30.
    played = held(Split(symbol="AAA", ex_day=SECOND, new=D(10), old=D(3)))
    account = played.accounts[ACCOUNT]
    before = account.cash
    until(played, OPEN)
    assert account.position("AAA").quantity == 33
    assert account.cash == before + D("10.00")
    # It cost a hundredth of 1010, which is 10.10, so that 0.10 was lost.
    assert abs(account.position("AAA").cost - D("999.90")) < D("1e-9")
    assert abs(account.position("AAA").realized + D("0.10")) < D("1e-9")
    assert account.entries[0].description.startswith("AAA CASH IN LIEU OF 0.333")


def test_a_reverse_split_of_a_short_rounds_toward_nothing() -> None:
    played = held(Split(symbol="AAA", ex_day=SECOND, new=D(1), old=D(4)), quantity=-10, shorts_allowed=True)
    account = played.accounts[ACCOUNT]
    before = account.cash
    until(played, OPEN)
    assert account.position("AAA").quantity == -2  # and half a share at 400 is bought back
    assert account.cash == before - 200


def test_history_is_told_as_it_looks_after_the_split() -> None:
    played = until(until(exchange(acting(Split(symbol="AAA", ex_day=SECOND, new=D(2)))), OPEN), OPEN)
    bars = played.history.bars("AAA", now=played.now, end="", duration="2 D", bar_size="1 day")
    assert not hasattr(bars, "code")
    first = next(iter(bars))
    assert (first.close, first.high, first.volume) == (D(50), D("52.75"), D(800))
    day = played.history.day("AAA", played.session, played.now)
    assert day is not None
    assert day.previous_close == 50


# ---------------------------------------------------------------- new names and spin-offs


def test_a_new_name_takes_the_position_over() -> None:
    played = held(SymbolChange(symbol="AAA", ex_day=SECOND, into="BBB"))
    played.place(order(2, "SELL", limit="150", tif="GTC"))
    account = played.accounts[ACCOUNT]
    until(played, OPEN)
    assert account.quantities == {"BBB": D(10)}
    assert account.position("BBB").cost == 1010
    assert played.credit.price("BBB") == 100  # its last price came with it
    assert played.open_orders() == ()
    assert said(played)[-2:] == ["AAA changed", "BBB changed"]


def test_a_spin_off_splits_the_cost_and_pays_out_what_is_no_share() -> None:
    # One BBB for four AAA: 2.5 of ten, and a fifth of the cost of 1010 goes with them. The half is worth a fifth of
    # 100 for a quarter of a share, so 80 a share and 40 for the half; it cost a fifth of 202.
    spin = SpinOff(symbol="AAA", ex_day=SECOND, into="BBB", shares=D("0.25"), part=D("0.2"))
    played = held(spin)
    account = played.accounts[ACCOUNT]
    before, equity = account.cash, played.credit.net_liquidation(account)
    played.advance()
    played.advance()
    assert (account.position("AAA").quantity, account.position("AAA").cost) == (D(10), D(808))
    assert (account.position("BBB").quantity, account.position("BBB").cost) == (D(2), D("161.60"))
    assert account.cash == before + 40
    assert account.position("BBB").realized == D("-0.40")
    assert abs(played.credit.net_liquidation(account) - equity) < D("1e-20")


def test_shares_on_their_way_change_with_the_rest() -> None:
    played = held(Split(symbol="AAA", ex_day=SECOND, new=D(2)))
    account = played.accounts[ACCOUNT]
    assert account.settled_quantity("AAA") == 0
    until(played, OPEN)
    assert account.settled_quantity("AAA") == 0  # all twenty settle on the fifth
    until(played, OPEN)
    assert account.settled_quantity("AAA") == 20


# ---------------------------------------------------------------- clients, and the path


def test_clients_are_told_of_a_position_that_changed_without_an_execution() -> None:
    hub = hub_of(acting(Split(symbol="AAA", ex_day=SECOND, new=D(2))), Terms(fees=FREE))
    to_open(hub)
    client = Client(hub)
    client.ask(q.ReqPositions(), market(1))
    while hub.exchange.session.day == FIRST:
        hub.step()
    assert kinds(client.told()) == ["Position"]
    assert hub.exchange.accounts[ACCOUNT].position("AAA").quantity == 20


def test_a_path_takes_a_split_for_no_fall_and_no_volatility() -> None:
    # The same closes, halved from one day on, with and without a word about the split: the open of that day lies near
    # the close of its own only if the path knows.
    plain = tape(symbols=1, days=70, shape=Shape(step_minutes=390), tick="0.01")
    day = plain.dates[65].astype(object)
    closes = plain.closes.copy()
    closes[65:] /= 2
    split = [Split(symbol="S000", ex_day=day, new=D(2))]
    knows = replace(plain, closes=closes, steps=steps(split, plain.instruments, plain.dates, closes))
    blind = replace(plain, closes=closes)
    opens = {}
    for name, each in (("plain", plain), ("knows", knows), ("blind", blind)):
        session = next(s for s in written(*[QUIET] * 2, first=day).sessions if s.day == day)
        opens[name] = float(each.quotes(session)[1][0].last or 0)
    assert opens["knows"] == pytest.approx(opens["plain"] / 2, abs=0.01)
    assert opens["blind"] > opens["knows"] * 1.1
    assert len({plain.fingerprint, knows.fingerprint, blind.fingerprint}) == 3


def test_steps_by_hand() -> None:
    instruments = (Instrument(symbol="AAA"), Instrument(symbol="BBB"))
    dates = np.array(weekdays(FIRST, 3), dtype="datetime64[D]")
    closes = np.array([[100.0, 50.0], [49.5, 45.0], [50.0, np.nan]])
    actions = (
        Split(symbol="AAA", ex_day=SECOND, new=D(2)),
        Dividend(symbol="BBB", ex_day=SECOND, pay_day=SECOND, amount=D(5)),
        SpinOff(symbol="AAA", ex_day=THIRD, into="BBB", shares=D(1), part=D("0.1")),
        SymbolChange(symbol="AAA", ex_day=THIRD, into="BBB"),
        Dividend(symbol="BBB", ex_day=FIRST, pay_day=FIRST, amount=D(5)),
        Dividend(symbol="ZZZ", ex_day=SECOND, pay_day=SECOND, amount=D(5)),
    )
    expected = np.log(np.array([[1.0, 1.0], [0.5, 0.9], [0.9, 1.0]]))
    np.testing.assert_allclose(steps(actions, instruments, dates, closes), expected)


def test_steps_that_do_not_fit_their_closes_are_refused() -> None:
    plain = tape(symbols=1, days=3)
    with pytest.raises(InputError, match="do not fit closes"):
        SimulatedTape(
            instruments=plain.instruments, dates=plain.dates, closes=plain.closes, seed=1, steps=np.zeros((1, 1))
        )


# ---------------------------------------------------------------- actions that are none


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Dividend, {"pay_day": FIRST, "amount": D(1)}),
        (Dividend, {"pay_day": SECOND, "amount": D(0)}),
        (Split, {"new": D(0)}),
        (Split, {"new": D("NaN")}),
        (SpinOff, {"into": "BBB", "shares": D(0), "part": D("0.1")}),
        (SpinOff, {"into": "BBB", "shares": D(1), "part": D(1)}),
    ],
)
def test_an_action_that_cannot_be_is_refused(kind: Any, words: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="AAA"):
        kind(symbol="AAA", ex_day=SECOND, **words)


def test_actions_need_raw_prices_and_what_they_name() -> None:
    with pytest.raises(InputError, match="are adjusted: corporate actions are in them already"):
        replace(acting(DIVIDEND), adjusted=True)
    with pytest.raises(InputError, match="a corporate action of ZZZ, which it does not list"):
        acting(SymbolChange(symbol="AAA", ex_day=SECOND, into="ZZZ"))
    assert acting(DIVIDEND).fingerprint != acting().fingerprint
