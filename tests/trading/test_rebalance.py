"""Targets become whole-share orders: sales first, paid from settled cash, cash never negative."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.orders import Effect, Purpose, Side
from bursar.domain.targets import Target, Targets, Trim
from bursar.errors import DataError, InputError
from bursar.trading.rebalance import Sleeve, rebalance
from tests.builders import instrument, quote

INSTRUMENTS = {symbol: instrument(symbol) for symbol in ("AAPL", "MSFT", "XOM")}
QUOTES = {
    "AAPL": quote("AAPL", "99.90", "100.10"),
    "MSFT": quote("MSFT", "199.80", "200.20"),
    "XOM": quote("XOM", "49.95", "50.05"),
}
SLEEVE = Sleeve(equity=Decimal(100_000), quantities={}, cash_settled=Decimal(100_000))


def targets(**weights: float) -> Targets:
    return Targets(
        strategy="test",
        targets=tuple(Target(symbol=symbol, weight=weight, reason="wanted") for symbol, weight in weights.items()),
    )


def sizes(wanted: Targets, sleeve: Sleeve = SLEEVE) -> list[tuple[str, Side, Decimal]]:
    return [(draft.symbol, draft.side, draft.quantity) for draft in rebalance(wanted, sleeve, QUOTES, INSTRUMENTS)]


def test_a_weight_becomes_whole_shares_at_the_middle_of_the_quote() -> None:
    # 20 % of 100,000 is 20,000: 200 shares at 100; 15 % at 200 a share is 75.
    assert sizes(targets(AAPL=0.20, MSFT=0.15)) == [("AAPL", Side.BUY, Decimal(200)), ("MSFT", Side.BUY, Decimal(75))]


def test_sales_come_before_purchases_and_what_is_off_target_is_sold() -> None:
    sleeve = replace(SLEEVE, quantities={"XOM": Decimal(100), "AAPL": Decimal(250)})
    drafts = rebalance(targets(AAPL=0.20, MSFT=0.10), sleeve, QUOTES, INSTRUMENTS)
    assert [(d.symbol, d.side, d.quantity) for d in drafts] == [
        ("AAPL", Side.SELL, Decimal(50)),
        ("XOM", Side.SELL, Decimal(100)),
        ("MSFT", Side.BUY, Decimal(50)),
    ]
    assert drafts[0].effect is Effect.CLOSE
    assert drafts[0].purpose is Purpose.REDUCE
    assert drafts[1].reason == "no target wants it any more"


def test_purchases_are_cut_alike_when_settled_cash_does_not_reach() -> None:
    # Wanted: 200 AAPL at 100.10 and 100 MSFT at 200.20, together 40,040. Half of that is settled.
    sleeve = replace(SLEEVE, cash_settled=Decimal(20_020))
    assert sizes(targets(AAPL=0.2, MSFT=0.2), sleeve) == [
        ("AAPL", Side.BUY, Decimal(100)),
        ("MSFT", Side.BUY, Decimal(50)),
    ]


def test_in_a_margin_account_the_sales_of_a_basket_pay_for_its_purchases() -> None:
    # 100 XOM at a bid of 49.95 bring 4,995.00, less a cent; a share of AAPL costs 100.10.
    held = replace(SLEEVE, quantities={"XOM": Decimal(100)}, cash_settled=Decimal(0))
    assert sizes(targets(AAPL=0.2), held) == [("XOM", Side.SELL, Decimal(100))]
    assert sizes(targets(AAPL=0.2), replace(held, unsettled=True)) == [
        ("XOM", Side.SELL, Decimal(100)),
        ("AAPL", Side.BUY, Decimal(49)),
    ]


def test_costs_and_the_reserve_come_out_of_the_budget() -> None:
    # Budget 10,000 less a reserve of 0.5 % of 100,000 is 9,500; a share costs 100.10 * 1.01 = 101.101.
    # Wanted are 200 shares for 20,220.20, so 9,500 / 20,220.20 of them: 93.96, in whole shares 93.
    sleeve = replace(SLEEVE, cash_settled=Decimal(10_000), cash_reserve=Decimal("0.005"), cost_rate=Decimal("0.01"))
    assert sizes(targets(AAPL=0.2), sleeve) == [("AAPL", Side.BUY, Decimal(93))]


def test_the_least_that_an_order_costs_comes_out_of_the_budget() -> None:
    # 1,001 would pay for ten shares at 100.10 and for no fee; of 1,001 less 6.01 they are 9.94 of ten.
    sleeve = Sleeve(equity=Decimal(5_005), quantities={}, cash_settled=Decimal(1_001), cost_minimum=Decimal(6))
    assert sizes(targets(AAPL=0.2), sleeve) == [("AAPL", Side.BUY, Decimal(9))]
    assert sizes(targets(AAPL=0.2), replace(sleeve, cash_settled=Decimal("1007.01"))) == [
        ("AAPL", Side.BUY, Decimal(10))
    ]
    # 20 XOM at a bid of 49.95 bring 999; less 6.01 for each of the two orders that leaves 986.98, for 9 at 100.10.
    held = replace(sleeve, quantities={"XOM": Decimal(20)}, cash_settled=Decimal(0), unsettled=True)
    assert sizes(targets(AAPL=0.2), held)[1] == ("AAPL", Side.BUY, Decimal(9))


def test_cash_too_small_for_one_share_buys_nothing() -> None:
    sleeve = Sleeve(equity=Decimal(90), quantities={}, cash_settled=Decimal(90))
    assert sizes(targets(AAPL=0.2), sleeve) == []


def test_a_trade_too_small_for_its_cost_is_left_out_but_a_full_exit_is_not() -> None:
    sleeve = replace(SLEEVE, quantities={"AAPL": Decimal(199), "XOM": Decimal(1)}, trade_min=Decimal("0.005"))
    assert sizes(targets(AAPL=0.2), sleeve) == [("XOM", Side.SELL, Decimal(1))]


def test_fractions_trade_where_the_instrument_has_them() -> None:
    drafts = rebalance(targets(AAPL=0.0501), SLEEVE, QUOTES, {"AAPL": instrument("AAPL", lot="0.01")})
    assert [draft.quantity for draft in drafts] == [Decimal("50.10")]


def test_a_symbol_without_a_two_sided_quote_stops_the_rebalance() -> None:
    with pytest.raises(DataError, match="MSFT"):
        rebalance(targets(MSFT=0.1), SLEEVE, {"MSFT": quote("MSFT", None, None)}, INSTRUMENTS)


def test_shorts_skip_the_decision_and_unknown_symbols_are_refused() -> None:
    with pytest.raises(DataError, match="shorts"):
        sizes(targets(AAPL=-0.1))
    with pytest.raises(InputError, match="TSLA"):
        sizes(targets(TSLA=0.1))


weights = st.floats(0, 0.34, allow_nan=False)
held = st.integers(0, 300).map(Decimal)


@given(weights, weights, weights, held, held, held, st.integers(0, 100_000).map(Decimal))
def test_cash_is_never_negative_and_nothing_is_oversold(
    aapl: float, msft: float, xom: float, a: Decimal, m: Decimal, x: Decimal, cash: Decimal
) -> None:
    quantities = {"AAPL": a, "MSFT": m, "XOM": x}
    equity = cash + a * 100 + m * 200 + x * 50
    if equity == 0:
        return
    sleeve = Sleeve(equity=equity, quantities=quantities, cash_settled=cash, cost_rate=Decimal("0.0005"))
    drafts = rebalance(targets(AAPL=aapl, MSFT=msft, XOM=xom), sleeve, QUOTES, INSTRUMENTS)
    spent = Decimal(0)
    for draft in drafts:
        assert draft.quantity == draft.quantity.to_integral_value() > 0
        if draft.side is Side.SELL:
            assert draft.quantity <= quantities[draft.symbol]
        else:
            ask = QUOTES[draft.symbol].ask
            assert ask is not None
            spent += draft.quantity * ask * Decimal("1.0005")
    assert spent <= cash
    sides = [draft.side for draft in drafts]
    assert sides == sorted(sides, key=lambda side: side is Side.BUY)


def told(wanted: Targets, sleeve: Sleeve = SLEEVE) -> list[tuple[str, str, Decimal, Decimal, Decimal, Decimal]]:
    found: list[Trim] = []
    rebalance(wanted, sleeve, QUOTES, INSTRUMENTS, found)
    assert all(trim.says for trim in found)
    return [(each.symbol, each.step, each.measured, each.limit, each.before, each.after) for each in found]


def test_nothing_is_told_where_each_target_becomes_its_order() -> None:
    assert told(targets(AAPL=0.20, MSFT=0.15), replace(SLEEVE, quantities={"XOM": Decimal(100)})) == []


def test_what_a_trade_lost_on_its_way_is_told_with_its_figures() -> None:
    # 200 AAPL at 100 are 20,000; a position may be 15,000, and an order move 12,000 of them.
    capped = replace(SLEEVE, position_value_max=Decimal(15_000))
    of_aapl = ("AAPL", "position_value", Decimal(20_000), Decimal(15_000), Decimal(200), Decimal(150))
    assert told(targets(AAPL=0.20), capped) == [of_aapl]
    of_order = ("AAPL", "order_value", Decimal(20_000), Decimal(12_000), Decimal(200), Decimal(120))
    assert told(targets(AAPL=0.20), replace(capped, order_value_max=Decimal(12_000))) == [of_order]
    # One percent of 5,000 buys no share of 100.
    poor = replace(SLEEVE, equity=Decimal(5_000))
    assert told(targets(AAPL=0.01), poor) == [("AAPL", "lot", Decimal(50), Decimal(100), Decimal("0.5"), Decimal(0))]
    # One share is 100, and a trade takes 1 % of 100,000.
    thrifty = replace(SLEEVE, trade_min=Decimal("0.01"))
    small = ("AAPL", "too_small", Decimal(100), Decimal(1_000), Decimal(1), Decimal(0))
    assert told(targets(AAPL=0.001), thrifty) == [small]
    # 200 AAPL at 100.10 need 20,020, and half is there.
    half = replace(SLEEVE, cash_settled=Decimal(10_010))
    cut = ("AAPL", "cash", Decimal(20_020), Decimal(10_010), Decimal(200), Decimal(100))
    assert told(targets(AAPL=0.2), half) == [cut]
    left = ("AAPL", "too_small", Decimal(10_010), Decimal(15_000), Decimal(100), Decimal(0))
    assert told(targets(AAPL=0.2), replace(half, trade_min=Decimal("0.15"))) == [cut, left]
    none = ("AAPL", "cash", Decimal(20_020), Decimal(0), Decimal(200), Decimal(0))
    assert told(targets(AAPL=0.2), replace(SLEEVE, cash_settled=Decimal(0))) == [none]
