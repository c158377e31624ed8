"""Each rule of the gate at its limit and one step beyond, with the arithmetic beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bursar.domain.accounts import Preview
from bursar.domain.events import Rejected, TradingState
from bursar.domain.instruments import Instrument, InstrumentKind, OptionRight
from bursar.domain.orders import Effect, Order, OrderType, Purpose, Side
from bursar.domain.sessions import Session
from bursar.errors import DataError
from bursar.risk.limits import Funding, RiskLimits
from bursar.risk.rules import Exposure, Sent
from tests.builders import CLOSE, DAY, OPEN, instrument, order, quote
from tests.risk.account import EXPOSURE, NOW, broken, checks, verdict

HELD = replace(EXPOSURE, quantities={"AAPL": Decimal(50)})
SHORT = order(side=Side.SELL, effect=Effect.OPEN)
LATER = Session(day=date(2022, 1, 4), open=OPEN + timedelta(days=1), close=CLOSE + timedelta(days=1))


def passes(*basket: Order, exposure: Exposure = EXPOSURE, **limits: Any) -> None:
    answer = verdict(*basket, exposure=exposure, limits=RiskLimits(**limits))
    assert len(answer.approved) == len(basket), answer.events


def fails(rule: str, *basket: Order, exposure: Exposure = EXPOSURE, **limits: Any) -> str:
    answer = verdict(*basket, exposure=exposure, limits=RiskLimits(**limits))
    assert rule in broken(answer), answer.events
    return next(event.message for event in answer.events if event.rule == rule)  # type: ignore[union-attr]


# ---------------------------------------------------------------- conduct


def test_a_reducing_account_closes_and_a_halted_one_only_protects() -> None:
    reducing, halted = replace(HELD, state=TradingState.REDUCING), replace(HELD, state=TradingState.HALTED)
    sale = order(side=Side.SELL, quantity=10)
    assert "nothing opens until a person" in fails("trading_state", order(), exposure=reducing)
    passes(sale, exposure=reducing)
    fails("trading_state", sale, exposure=halted)
    for purpose in (Purpose.EXIT, Purpose.PROTECTION, Purpose.KILL):
        passes(order(side=Side.SELL, quantity=10, purpose=purpose), exposure=halted)


def test_shorts_and_covers_are_permissions_of_their_own() -> None:
    assert "may not sell short" in fails("permission", SHORT)
    assert verdict(SHORT, limits=RiskLimits(shorts_allowed=True)).previews == (SHORT,)
    owing = replace(EXPOSURE, quantities={"AAPL": Decimal(-20)})
    cover = order(side=Side.BUY, quantity=20, effect=Effect.CLOSE)
    assert "may not cover" in fails("permission", cover, exposure=owing, shorts_allowed=True)
    passes(cover, exposure=owing, covers_allowed=True)


def test_an_exit_of_a_short_needs_no_permission() -> None:
    owing = replace(EXPOSURE, quantities={"AAPL": Decimal(-20)})
    passes(order(side=Side.BUY, quantity=20, effect=Effect.CLOSE, purpose=Purpose.EXIT), exposure=owing)


def test_an_order_that_says_it_opens_and_would_close_is_stopped() -> None:
    assert "send it as a close" in fails("permission", SHORT, exposure=HELD, shorts_allowed=True)


def test_an_exit_that_opens_is_no_exit() -> None:
    # Else whoever writes "exit" on a purchase would pass every limit.
    fails("position_weight", order(quantity=400, purpose=Purpose.EXIT))


def test_exits_of_a_basket_are_judged_apart_from_what_opens() -> None:
    sale = order("o-1", side=Side.SELL, quantity=50, purpose=Purpose.EXIT)
    answer = verdict(sale, order("o-2", "XOM", 400), exposure=HELD)
    assert [approved.order for approved in answer.approved] == [sale]
    assert [event.kind for event in answer.events] == ["approved", "rejected"]


def test_an_exit_and_a_reduction_of_one_basket_never_close_more_than_is_held_together() -> None:
    exit_ = order("o-1", side=Side.SELL, quantity=30, purpose=Purpose.EXIT)
    passes(exit_, order("o-2", side=Side.SELL, quantity=20), exposure=HELD)
    answer = verdict(exit_, order("o-2", side=Side.SELL, quantity=21), exposure=HELD)
    assert [approved.order for approved in answer.approved] == [exit_]
    assert [event.rule for event in answer.events if isinstance(event, Rejected)] == ["closes_only_what_is_held"]
    # An exit that is refused itself takes no room.
    refused = verdict(replace(exit_, quantity=Decimal(51)), order("o-2", side=Side.SELL, quantity=50), exposure=HELD)
    assert [approved.order.order_id for approved in refused.approved] == ["o-2"]


def test_protection_at_work_leaves_nothing_to_sell_beside_it() -> None:
    guarded = replace(HELD, held={"AAPL": Decimal(50)}, resting={"AAPL": Decimal(-50)})
    fails("closes_only_what_is_held", order(side=Side.SELL, quantity=1, purpose=Purpose.KILL), exposure=guarded)


def test_of_orders_that_cancel_each_other_the_largest_counts() -> None:
    stop = replace(order("o-1", side=Side.SELL, quantity=50, purpose=Purpose.PROTECTION), oca_group="g")
    target = replace(stop, order_id="o-2", quantity=Decimal(40))
    passes(stop, target, exposure=HELD)
    fails("closes_only_what_is_held", stop, replace(target, oca_group="other"), exposure=HELD)


def test_a_protective_child_counts_on_what_its_parent_brings_and_no_more() -> None:
    parent = order("o-1", quantity=10)
    child = order("o-2", side=Side.SELL, quantity=10, purpose=Purpose.REDUCE, parent_id="o-1")
    passes(parent, child)
    fails("closes_only_what_is_held", parent, replace(child, quantity=Decimal(11)))


def test_shares_on_their_way_cannot_be_sold_yet() -> None:
    coming = replace(EXPOSURE, quantities={"AAPL": Decimal(50)}, held={})
    fails("closes_only_what_is_held", order(side=Side.SELL, quantity=50), exposure=coming)


def test_only_what_is_on_the_list_and_not_in_a_shunned_sector_is_opened() -> None:
    assert "it has JPM, XOM" in fails("allowed_symbol", order(), allowed_symbols=("JPM", "XOM"))
    passes(order(symbol="JPM"), allowed_symbols=("JPM", "XOM"))
    assert "of the sector energy" in fails("allowed_sector", order(symbol="XOM"), forbidden_sectors=("energy",))
    passes(order(side=Side.SELL), exposure=HELD, allowed_symbols=("JPM",), forbidden_sectors=("technology",))


def test_the_same_order_twice_within_a_minute_is_a_mistake() -> None:
    before = replace(EXPOSURE, sent=(Sent("AAPL", Side.BUY, Decimal(10), NOW - timedelta(seconds=59)),))
    assert "2 equal orders" in fails("duplicate", order(), exposure=before)
    passes(order(quantity=11), exposure=before)
    passes(order(), exposure=before, duplicate_seconds=59)
    passes(order(), exposure=before, duplicate_seconds=0)
    fails("duplicate", order("o-1"), order("o-2"))


def test_the_sixth_purchase_of_one_symbol_in_a_session_is_stopped() -> None:
    def times(count: int) -> Exposure:
        hours = tuple(Sent("AAPL", Side.BUY, Decimal(n + 1), OPEN) for n in range(count))
        return replace(EXPOSURE, sent=hours)

    passes(order(quantity=9), exposure=times(4))
    assert "the order 6 to buy" in fails("repeated", order(quantity=9), exposure=times(5))


def test_a_burst_of_messages_stops_entries_and_no_exit() -> None:
    busy = replace(HELD, messages=120)
    passes(order(), exposure=replace(EXPOSURE, messages=119))
    fails("message_rate", order(), exposure=busy)
    # What opens is an entry, whatever it calls itself.
    fails("message_rate", order(purpose=Purpose.KILL), exposure=busy)
    passes(order(side=Side.SELL, quantity=10), exposure=busy)


# ---------------------------------------------------------------- market


@pytest.mark.parametrize(
    ("at", "rule"),
    [
        (OPEN - timedelta(seconds=1), "market_open"),
        (OPEN, "minutes_from_the_bell"),
        (OPEN + timedelta(minutes=1), ""),
        (CLOSE - timedelta(minutes=5), ""),
        (CLOSE - timedelta(minutes=4, seconds=59), "minutes_from_the_bell"),
        (CLOSE, "market_open"),
    ],
)
def test_nothing_opens_while_it_is_shut_nor_close_to_a_bell(at: Any, rule: str) -> None:
    there = replace(EXPOSURE, at=at, quotes={"AAPL": quote("AAPL", "100", at=at)})
    if rule:
        fails(rule, order(), exposure=there)
    else:
        passes(order(), exposure=there)


def with_quote(**changes: Any) -> Exposure:
    return replace(EXPOSURE, quotes={**EXPOSURE.quotes, "AAPL": replace(EXPOSURE.quotes["AAPL"], **changes)})


@pytest.mark.parametrize(
    ("exposure", "words"),
    [
        (with_quote(bid=None), "no bid below an ask"),
        (with_quote(bid=Decimal(101)), "no bid below an ask"),
        (with_quote(delayed=True), "delayed"),
        (with_quote(at=NOW - timedelta(seconds=61)), "61 seconds old"),
        (with_quote(at=NOW + timedelta(seconds=1)), "1 seconds from now; one of two clocks is wrong"),
        (replace(EXPOSURE, quotes={}), "no bid below an ask"),
    ],
)
def test_an_opening_order_rests_on_a_live_two_sided_fresh_quote(exposure: Exposure, words: str) -> None:
    assert words in fails("quote_fresh", order(), exposure=exposure)
    passes(order(), exposure=with_quote(at=NOW - timedelta(seconds=60)))


def test_a_price_far_from_the_last_close_or_a_limit_far_from_the_market_is_a_mistake() -> None:
    close = replace(EXPOSURE, closes={"AAPL": Decimal(80)})
    assert "25.0% from" in fails("price_collar", order(), exposure=close)  # 100 / 80 - 1
    passes(order(), exposure=replace(EXPOSURE, closes={"AAPL": Decimal("83.34")}))
    unknown = replace(EXPOSURE, closes={"MSFT": Decimal(100)})
    assert "no last close of it is known" in fails(
        "price_collar", order(), exposure=unknown, collar_max=Decimal("0.99")
    )
    passes(order(), exposure=unknown, collar_max=Decimal(1))  # which is none
    limit = replace(order(), type=OrderType.LIMIT, limit_price=Decimal("120.01"))
    fails("price_collar", limit)
    passes(replace(limit, limit_price=Decimal(120)))


def test_nothing_opens_over_earnings_unless_its_strategy_means_to() -> None:
    tonight = replace(EXPOSURE, next_session=LATER, earnings={"AAPL": DAY})
    assert "reports on 2022-01-03" in fails("earnings", order(), exposure=tonight)
    passes(order(), exposure=tonight, earnings_blocked=False)
    passes(order(symbol="JPM"), exposure=tonight)
    for day in (date(2022, 1, 2), date(2022, 1, 5)):
        passes(order(), exposure=replace(tonight, earnings={"AAPL": day}))
    meant = replace(tonight, earnings_meant=frozenset({"straddle"}))
    passes(replace(order(), strategy="straddle"), exposure=meant)
    fails("earnings", replace(order(), strategy="momentum"), exposure=meant)
    # Nor an option on what reports, which has no report of its own.
    call = Instrument(symbol="AAPL C", kind=InstrumentKind.OPTION, underlying="AAPL", expiry=date(2022, 3, 18),
                      strike=Decimal(100), right=OptionRight.CALL)  # fmt: skip
    quoted = {**EXPOSURE.quotes, "AAPL C": replace(EXPOSURE.quotes["AAPL"], symbol="AAPL C")}
    options = replace(tonight, instruments={**EXPOSURE.instruments, "AAPL C": call}, quotes=quoted,
                      closes={"AAPL C": Decimal(100)})  # fmt: skip
    assert "AAPL reports on 2022-01-03; nobody" in fails("earnings", order(symbol="AAPL C"), exposure=options)


# ---------------------------------------------------------------- size


def test_one_order_of_more_than_its_money_is_stopped() -> None:
    passes(order(quantity=100), order_value_max=Decimal(10_000))
    assert "the order is of 10,100.00" in fails("order_value", order(quantity=101), order_value_max=Decimal(10_000))
    # A limit above the market is what it may cost: 90 * 115 = 10,350.
    dear = replace(order(quantity=90), type=OrderType.LIMIT, limit_price=Decimal(115))
    fails("order_value", dear, order_value_max=Decimal(10_000))


def test_half_of_all_there_is_was_typed_by_a_finger_that_slipped() -> None:
    assert "looks like a slip" in fails("fat_finger", order(quantity=501))
    fails("position_weight", order(quantity=500))


def test_the_days_openings_stay_within_their_budget() -> None:
    spent = replace(EXPOSURE, notional_today=Decimal(8_000))
    passes(order(quantity=20), exposure=spent, notional_per_day_max=Decimal(10_000))
    fails("daily_notional", order(quantity=21), exposure=spent, notional_per_day_max=Decimal(10_000))
    passes(order(side=Side.SELL, quantity=50), exposure=replace(HELD, notional_today=Decimal(9_999_999)))


def test_a_position_of_more_than_its_money_is_stopped() -> None:
    passes(order(quantity=50), exposure=HELD, position_value_max=Decimal(10_000))
    fails("position_value", order(quantity=51), exposure=HELD, position_value_max=Decimal(10_000))


def test_longs_and_shorts_together_stay_within_the_leverage() -> None:
    # 60 % long in JPM (adopted) and 40 % short in XOM are 100 %; ten more shares are 101 %.
    full = replace(EXPOSURE, quantities={"JPM": Decimal(600), "XOM": Decimal(-400)})
    passes(order(), exposure=replace(full, quantities={"JPM": Decimal(600), "XOM": Decimal(-390)}))
    fails("leverage", order(), exposure=full)


# ---------------------------------------------------------------- funds


def test_a_foreign_purchase_says_how_it_is_paid() -> None:
    abroad = replace(
        EXPOSURE,
        instruments={**EXPOSURE.instruments, "AAPL": replace(instrument(), currency="CHF")},
        cost_rate=Decimal(0),
    )
    assert "no rule says how" in fails("funding", order(), exposure=abroad)
    with pytest.raises(DataError, match="no rate of exchange"):
        verdict(order(), exposure=abroad, limits=RiskLimits(foreign_funding=Funding.CONVERT))
    abroad = replace(abroad, rates={"CHF": Decimal("1.1")})
    assert "convert it first" in fails("funding", order(), exposure=abroad, foreign_funding=Funding.CONVERT)
    there = replace(abroad, currencies={"CHF": Decimal(1_000)})
    passes(order(), exposure=there, foreign_funding=Funding.CONVERT)
    fails("funding", order(quantity=11), exposure=there, foreign_funding=Funding.CONVERT)
    # Two that the currency could pay one by one, and not together.
    both = order("o-1", quantity=4), order("o-2", "MSFT", 7)
    francs = replace(there, instruments={**there.instruments, "MSFT": replace(instrument("MSFT"), currency="CHF")})
    passes(both[0], order("o-2", "MSFT", 6), exposure=francs, foreign_funding=Funding.CONVERT)
    fails("funding", *both, exposure=francs, foreign_funding=Funding.CONVERT)
    passes(order(), exposure=abroad, foreign_funding=Funding.BORROW)
    # 100 francs each at 1.10 are 110 dollars: 182 shares are more than a fifth of 100,000.
    passes(order(quantity=181), exposure=abroad, foreign_funding=Funding.BORROW)
    fails("position_weight", order(quantity=182), exposure=abroad, foreign_funding=Funding.BORROW)


def test_the_least_that_an_order_costs_must_be_settled_as_well() -> None:
    # Ten at 100 and five hundredths of a percent are 1,000.50, and 6 for each of the orders.
    poor = replace(EXPOSURE, cash_settled=Decimal("1006.50"), cost_minimum=Decimal(6))
    passes(order(), exposure=poor)
    fails("settled_cash", order(), exposure=replace(poor, cash_settled=Decimal("1006.49")))
    both = order("o-1", quantity=5), order("o-2", "MSFT", 5)
    fails("settled_cash", *both, exposure=poor)
    passes(*both, exposure=replace(poor, cash_settled=Decimal("1012.50")))


def test_nothing_touches_what_is_hands_off() -> None:
    kept = replace(
        EXPOSURE, hands_off=frozenset({"AAPL"}), held={"AAPL": Decimal(10)}, quantities={"AAPL": Decimal(10)}
    )
    for purpose in Purpose:
        sale = order(quantity=1, side=Side.SELL, purpose=purpose)
        assert "is hands-off" in fails("hands_off", sale, exposure=kept), purpose
    fails("hands_off", order(), exposure=kept)
    passes(order(symbol="JPM"), exposure=kept)


def test_a_thin_margin_warns_first_and_then_stops() -> None:
    # Long 3 times equity: maintenance 25 % of 300,000 is 75,000, and a quarter of equity is above it.
    lent = replace(EXPOSURE, quantities={"JPM": Decimal(2_990)}, previews={"o-00000001": preview(0)})
    roomy: dict[str, Any] = {
        "leverage_max": Decimal(4),
        "margin_cushion_warning": Decimal("0.30"),
        "margin_cushion_min": Decimal("0.25"),
    }
    answer = verdict(order(), exposure=lent, limits=RiskLimits(**roomy))
    assert not checks(answer)["margin_warning"].passed
    assert checks(answer)["margin_cushion"].measured == Decimal("0.25")
    assert "24.9% of equity" in fails("margin_cushion", order(quantity=14), exposure=lent, **roomy)
    # Shorts need 30 %, and what the broker asks for counts where it is more.
    owing = replace(lent, quantities={"JPM": Decimal(-2_490)})
    fails("margin_cushion", order(quantity=20), exposure=owing, **roomy)
    fails("margin_cushion", order(), exposure=replace(lent, maintenance=Decimal(75_001)), **roomy)


def preview(margin: int, equity: int = 100_000) -> Preview:
    return Preview(
        order=order(),
        commission=Decimal(1),
        initial_margin_after=Decimal(margin),
        maintenance_margin_after=Decimal(margin),
        equity_after=Decimal(equity),
    )


def test_the_broker_is_asked_on_margin_for_shorts_and_for_large_orders_and_only_then() -> None:
    assert verdict(order(), limits=RiskLimits(leverage_max=Decimal(2))).previews == (order(),)
    assert verdict(order(quantity=100), limits=RiskLimits(preview_weight_min=Decimal("0.1"))).previews
    assert not verdict(order(quantity=99), limits=RiskLimits(preview_weight_min=Decimal("0.1"))).previews
    # What is refused anyway is not asked about.
    assert not verdict(order(quantity=400), limits=RiskLimits(leverage_max=Decimal(2))).previews


def test_what_the_broker_would_not_carry_is_stopped() -> None:
    margin: dict[str, Any] = {"leverage_max": Decimal(2)}
    passes(order(), exposure=replace(EXPOSURE, previews={"o-00000001": preview(100_000)}), **margin)
    poor = replace(EXPOSURE, previews={"o-00000001": preview(100_001)})
    assert "would require 100,001.00" in fails("buying_power", order(), exposure=poor, **margin)


# ---------------------------------------------------------------- the whole


def test_a_day_that_lost_too_much_and_a_deep_drawdown_open_nothing() -> None:
    passes(order(), exposure=replace(EXPOSURE, loss_today=Decimal("0.03"), drawdown=Decimal("0.20")))
    fails("daily_loss", order(), exposure=replace(EXPOSURE, loss_today=Decimal("0.0301")))
    fails("drawdown", order(), exposure=replace(EXPOSURE, drawdown=Decimal("0.2001")))
    lost = replace(HELD, loss_today=Decimal("0.5"), drawdown=Decimal("0.5"))
    passes(order(side=Side.SELL, quantity=10), exposure=lost)
    passes(order(), exposure=lost, daily_loss_max=None, drawdown_max=None)


def test_all_stops_together_stay_within_the_portfolios_risk() -> None:
    # 20 % in each of two sectors at a stop of 5 % risk 2 % of equity.
    two = (order("o-1", "AAPL", 200), order("o-2", "XOM", 200))
    passes(*two, portfolio_risk_max=Decimal("0.02"))
    fails("portfolio_risk", *two, portfolio_risk_max=Decimal("0.0199"))


#: 100 days of two stocks: the first loses 10 % on every tenth day, the second mirrors it.
SWINGS = np.array([[-0.10, 0.10] if day % 10 == 0 else [0.01, -0.01] for day in range(100)])
KNOWN = replace(EXPOSURE, returns=SWINGS, covariance=np.cov(SWINGS.T), returns_of=("AAPL", "XOM"))


def test_a_hole_in_the_last_sessions_is_missing_data_and_opens_nothing() -> None:
    holed = SWINGS.copy()
    holed[3, 1] = np.nan
    with pytest.raises(DataError, match=r"the last sessions have holes.*returns\[3, 1\] is nan"):
        verdict(order(), exposure=replace(KNOWN, returns=holed))


def test_the_loss_of_one_day_in_twenty_is_measured_on_the_last_days() -> None:
    # 20 % in AAPL loses 2 % on one day in ten, so one day in twenty loses no less.
    assert checks(verdict(order(quantity=200), exposure=KNOWN))["var_95"].measured == Decimal("0.020000")
    fails("var_95", order(quantity=200), exposure=KNOWN, var_95_max=Decimal("0.0199"))
    assert "var_95" not in checks(verdict(order(), exposure=replace(KNOWN, returns=SWINGS[:19])))
    assert "var_95" not in checks(verdict(order(symbol="JPM"), exposure=KNOWN))


def test_volatility_beyond_its_limit_blocks_where_one_is_set() -> None:
    # A day's deviation of AAPL: sqrt(9.9 * 0.1**2 + ...) by numpy; times 0.2 * sqrt(252).
    year = 0.2 * np.std(SWINGS[:, 0], ddof=1) * np.sqrt(252)
    loose, tight = Decimal(f"{year + 1e-5:.6f}"), Decimal(f"{year - 1e-5:.6f}")
    passes(order(quantity=200), exposure=KNOWN, volatility_max=loose, volatility_warning=tight)
    fails("volatility_max", order(quantity=200), exposure=KNOWN, volatility_max=tight, volatility_warning=tight)


def test_positions_that_move_as_one_are_stopped_and_opposites_are_not() -> None:
    twins = np.column_stack([SWINGS[:, 0], SWINGS[:, 0]])
    together = replace(KNOWN, returns=twins, covariance=np.cov(twins.T))
    pair = (order("o-1", "AAPL", 100), order("o-2", "XOM", 100))
    fails("correlation", *pair, exposure=together, correlation_max=Decimal("0.5"))
    passes(*pair, exposure=KNOWN, correlation_max=Decimal("0.5"))
    # One position alone correlates with nothing.
    passes(pair[0], exposure=together, correlation_max=Decimal("0.5"))


def test_a_bad_night_warns_and_before_a_holiday_it_blocks() -> None:
    # Three deviations of a night: 3 * sqrt(0.41) * 0.2 * 3.317 % = 1.27 % of equity.
    night = 3 * np.sqrt(0.41) * 0.2 * np.std(SWINGS[:, 0], ddof=1)
    budget = Decimal(f"{night * 0.99:.6f}")
    usual = replace(KNOWN, next_session=LATER)
    answer = verdict(order(quantity=200), exposure=usual, limits=RiskLimits(overnight_gap_max=budget))
    assert not checks(answer)["overnight_gap"].passed
    feast = replace(KNOWN, next_session=replace(LATER, day=date(2022, 1, 5)))
    assert "shut until 2022-01-05" in fails("holiday", order(quantity=200), exposure=feast, overnight_gap_max=budget)
    # Two nights of news: sqrt(2) as much.
    fits = Decimal(f"{night * np.sqrt(2) * 1.01:.6f}")
    passes(order(quantity=200), exposure=feast, overnight_gap_max=fits)


def test_a_weekend_is_no_holiday_and_an_unknown_gap_fits_no_budget() -> None:
    friday = Session(day=date(2022, 1, 7), open=OPEN, close=CLOSE)
    monday, tuesday = (replace(LATER, day=date(2022, 1, day)) for day in (10, 11))
    passes(order(), exposure=replace(EXPOSURE, session=friday, next_session=monday))
    fails("holiday", order(), exposure=replace(EXPOSURE, session=friday, next_session=tuesday))


RISKY: dict[str, Callable[[Exposure], Exposure]] = {
    "halted": lambda seen: replace(seen, state=TradingState.HALTED),
    "shut": lambda seen: replace(seen, session=None),
    "blind": lambda seen: replace(seen, quotes={}),
    "ruined": lambda seen: replace(seen, equity=Decimal(-1), loss_today=Decimal(1), drawdown=Decimal(1)),
    "busy": lambda seen: replace(seen, messages=10_000, opening_orders_today=10_000),
}


@pytest.mark.parametrize("trouble", RISKY)
@pytest.mark.parametrize("purpose", [Purpose.EXIT, Purpose.PROTECTION, Purpose.KILL])
def test_no_limit_and_no_trouble_holds_back_what_takes_risk_away(trouble: str, purpose: Purpose) -> None:
    tight: dict[str, Any] = {
        "allowed_symbols": ("XOM",),
        "forbidden_sectors": ("technology",),
        "order_value_max": Decimal(1),
    }
    passes(order(side=Side.SELL, quantity=50, purpose=purpose), exposure=RISKY[trouble](HELD), **tight)


def test_selling_the_last_of_what_has_no_price_leaves_nothing_unpriced() -> None:
    blind = replace(
        EXPOSURE,
        quantities={"AAPL": Decimal(50)},
        quotes={symbol: each for symbol, each in EXPOSURE.quotes.items() if symbol != "AAPL"},
    )
    passes(order("o-1", side=Side.SELL, quantity=50), order("o-2", "XOM", 10), exposure=blind)
    with pytest.raises(DataError, match="AAPL"):
        verdict(order("o-1", side=Side.SELL, quantity=49), order("o-2", "XOM", 10), exposure=blind)
