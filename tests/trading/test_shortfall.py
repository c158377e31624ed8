"""Implementation shortfall: its parts by hand, and that they always sum to what paper made more than we did."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.events import Filled
from bursar.domain.money import Money
from bursar.domain.orders import Side
from bursar.errors import InputError
from bursar.trading.shortfall import Shortfall, Traded, cost_rate, costs_by, shortfall
from tests.builders import ACCOUNT, OPEN, quote


def fill(quantity: int | Decimal, price: str | Decimal, fee: str = "0", side: Side = Side.BUY) -> Filled:
    return Filled(
        event_id=f"f-{quantity}-{price}",
        at=OPEN,
        order_id="o-00000001",
        execution_id=f"{quantity}-{price}",
        account=ACCOUNT,
        portfolio="main",
        symbol="AAPL",
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        commission=Money(Decimal(fee), "USD"),
    )


def traded(*fills: Filled, side: Side = Side.BUY, quantity: int = 1000, decided: str = "100", bid: str = "100.40",
           ask: str = "100.60", end: str = "102", route: str = "twap", hour: int = 0) -> Traded:  # fmt: skip
    return Traded(
        symbol="AAPL",
        side=side,
        quantity=Decimal(quantity),
        decided_at=OPEN + timedelta(hours=hour),
        decided_price=Decimal(decided),
        arrival=quote("AAPL", bid, ask),
        end_price=Decimal(end),
        fills=fills,
        strategy="momentum",
        route=route,
    )


def test_a_purchase_that_was_filled_in_part_by_hand() -> None:
    # Decided at 100, arrived at 100.50 (100.40 to 100.60), 800 of 1000 bought at 100.75, ended at 102, fees 8.
    # delay 800 · 0.50 = 400; spread 800 · 0.10 = 80; impact 800 · 0.25 - 80 = 120; opportunity 200 · 2 = 400.
    told = shortfall(traded(fill(800, "100.75", "8")))
    assert [told.delay, told.spread, told.impact, told.opportunity, told.fees] == [400, 80, 120, 400, 8]
    # Paper: 1000 · (102 - 100) = 2000. Real: 800 · (102 - 100.75) - 8 = 992.
    assert told.total == 2000 - 992
    assert told.basis_points == Decimal("100.8")  # of 100,000
    assert told.slippage_basis_points == 20


def test_a_sale_is_the_mirror_image() -> None:
    # Decided at 100, arrived at 99.50, 1000 sold at 99.40 with half a spread of 0.10: delay 500, spread 100, impact 0.
    told = shortfall(traded(fill(1000, "99.40", side=Side.SELL), side=Side.SELL, bid="99.40", ask="99.60", end="98"))
    assert [told.delay, told.spread, told.impact, told.opportunity] == [500, 100, 0, 0]


prices = st.decimals(min_value=1, max_value=500, places=2)


@given(
    side=st.sampled_from(list(Side)),
    fills=st.lists(st.tuples(st.integers(1, 100), prices), max_size=8),
    more=st.integers(1, 500),
    decided=prices,
    bid=prices,
    wide=st.decimals(min_value=0, max_value=5, places=2),
    end=prices,
)
def test_the_parts_sum_to_what_paper_made_more_than_we_did(
    side: Side, fills: list[tuple[int, Decimal]], more: int, decided: Decimal, bid: Decimal, wide: Decimal, end: Decimal
) -> None:
    made = [fill(quantity, price, "0.35", side) for quantity, price in fills]
    wanted = sum(quantity for quantity, _ in fills) + more
    told = shortfall(
        traded(*made, side=side, quantity=wanted, decided=str(decided), bid=str(bid), ask=str(bid + wide), end=str(end))
    )
    sign = 1 if side is Side.BUY else -1
    paper = sign * wanted * (end - decided)
    real = sum((sign * quantity * (end - price) for quantity, price in fills), Decimal(0)) - Decimal("0.35") * len(made)
    assert told.total == paper - real
    assert told.spread >= 0


def test_groups_are_weighted_by_money_and_named() -> None:
    cheap = shortfall(traded(fill(1000, "100.60"), route="twap"))
    dear = shortfall(traded(fill(100, "101.50"), quantity=100, route="at once", hour=1))
    by_route = costs_by(lambda each: each.route, [cheap, dear])
    assert [costs.name for costs in by_route] == ["at once", "twap"]
    assert by_route[1].basis_points == cheap.basis_points
    (both,) = costs_by(lambda each: each.symbol, [cheap, dear])
    assert both.decisions == 2
    assert both.notional == 110_000
    assert both.basis_points == pytest.approx((cheap.total + dear.total) / 110_000 * 10_000)
    assert both.fill_rate == 1
    hours = costs_by(lambda each: f"{each.at:%H}", [cheap, dear])
    assert [costs.name for costs in hours] == ["14", "15"]
    half = costs_by(lambda each: each.strategy, [shortfall(traded(fill(500, "100.60")))])[0]
    assert half.fill_rate == Decimal("0.5")


def test_measured_costs_feed_the_rate_and_few_of_them_change_it_little() -> None:
    # Spread, impact and fees of 20 basis points; the prior says 5 and counts for 50 decisions.
    told = shortfall(traded(fill(1000, "100.70")))
    assert (told.spread + told.impact + told.fees) / told.notional == Decimal("0.002")
    prior = Decimal("0.0005")
    assert cost_rate([], prior) == prior
    assert cost_rate([told], prior) == (prior * 50 + Decimal("0.002")) / 51
    assert cost_rate([told] * 5000, prior) == pytest.approx(Decimal("0.002"), rel=Decimal("0.01"))
    lucky: Shortfall = shortfall(traded(fill(1000, "90")))
    assert cost_rate([lucky] * 500, prior) == 0


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: shortfall(traded(quantity=0)), "0 at 100 is nothing to measure"),
        (lambda: shortfall(traded(fill(1001, "100"))), "1001 were filled of 1000 wanted"),
        (lambda: shortfall(traded(bid="101", ask="100")), "no two-sided quote on arrival"),
        (lambda: cost_rate([], Decimal(-1)), "a prior cost of -1"),
    ],
)
def test_what_cannot_be_measured_is_named(made: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        made()  # type: ignore[operator]  # each is a function without arguments
