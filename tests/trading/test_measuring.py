"""What a tapped leg cost against the moment of the tap, by hand; parents have their tests in test_parents."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bursar.domain.events import Event, LegSent, ProposalEnded, ProposalMade, ProposalTapped
from bursar.domain.proposals import End, ProposalState
from bursar.domain.record import decode, encode
from bursar.trading.measuring import TAPPED, TRADED_BACK, Measured
from bursar.trading.shortfall import Shortfall
from tests.builders import OPEN
from tests.trading.test_promises import BUY_PEP, MADE, SELL_KO, SHOWN, fill

D = Decimal
NAME = MADE.proposal_id
SEEN = replace(SHOWN, prices={"KO": D(60), "PEP": D(200)})


def beginning() -> list[Event]:
    """100 KO to sell at 60 and 30 PEP to buy at 200 are tapped, and KO is sold a cent below its bid, at 59.98."""
    return [
        ProposalMade(event_id=NAME, at=OPEN, proposal=MADE, outlook=SHOWN),
        ProposalTapped(event_id=f"{NAME}/tapped", at=OPEN, proposal_id=NAME, by="owner", outlook=SEEN),
        sent(0, "o-1", "59.99", "60.05"),
        fill(1, "o-1", SELL_KO, "59.98"),
    ]


def sent(place: int, order_id: str, bid: str | None, ask: str | None, *, back: bool = False) -> LegSent:
    return LegSent(
        event_id=f"{order_id}/leg",
        at=OPEN,
        proposal_id=NAME,
        leg=place,
        order_id=order_id,
        compensates=back,
        bid=None if bid is None else D(bid),
        ask=None if ask is None else D(ask),
    )


def ended(state: ProposalState, end: End, **prices: str) -> ProposalEnded:
    told = {symbol: D(price) for symbol, price in prices.items()}
    return ProposalEnded(
        event_id=f"{NAME}/ended", at=OPEN, proposal_id=NAME, state=state, end=end, reason="so it is", prices=told
    )


def measured(*events: Event) -> Measured:
    found = Measured()
    for event in (*beginning(), *events):
        found.apply(decode(encode(event)))
    return found


def parts(each: Shortfall) -> tuple[D, D, D, D, D]:
    return each.delay, each.spread, each.impact, each.opportunity, each.fees


def test_a_leg_is_held_against_the_price_that_was_seen_at_the_tap() -> None:
    found = measured(
        sent(1, "o-2", "200.04", "200.10"),
        fill(2, "o-2", BUY_PEP, "200.12"),
        ended(ProposalState.COMPLETED, End.ALL, KO="59", PEP="201"),
    )
    sold, bought = found.all
    # KO: the middle on arrival is 60.02, two cents better than seen; half the spread three cents; filled four below it.
    assert parts(sold) == (D("-2.00"), D("3.00"), D("1.00"), D(0), D("1.50"))
    # PEP: 30 at 200.12; the middle on arrival is 200.07, half the spread three cents.
    assert parts(bought) == (D("2.10"), D("0.90"), D("0.60"), D(0), D("1.50"))
    assert sold.total == 100 * (D(60) - D("59.98")) + D("1.50")
    assert bought.total == 30 * (D("200.12") - D(200)) + D("1.50")
    assert {each.route for each in found.all} == {TAPPED}
    assert {each.strategy for each in found.all} == {"pairs"}
    assert found.working == 0


def test_until_the_proposal_has_ended_its_legs_are_still_worked() -> None:
    found = measured(sent(1, "o-2", "200.04", "200.10"))
    assert (found.working, found.all) == (2, ())


def test_what_was_missed_is_valued_at_the_end_and_what_undoes_a_leg_is_measured_as_such() -> None:
    bought_back = replace(fill(3, "o-3", SELL_KO, "60.20"), side=BUY_PEP.side)
    found = measured(
        sent(1, "o-2", "200.04", "200.10"),
        fill(2, "o-2", BUY_PEP, "200.12", quantity=10),
        sent(1, "o-4", "203.00", "203.10", back=True),
        replace(fill(4, "o-4", BUY_PEP, "202.98", quantity=10), side=SELL_KO.side),
        sent(0, "o-3", "60.10", "60.18", back=True),
        bought_back,
        ended(ProposalState.ROLLED_BACK, End.NONE, KO="60.14", PEP="203.05"),
    )
    bought, sold_back, repaid = found.all[1:]
    assert bought.opportunity == 20 * (D("203.05") - D(200))  # two thirds of PEP were never bought, and it rose
    assert (bought.filled, bought.wanted) == (D(10), D(30))
    # Sold back at 202.98: the middle was 203.05, half the spread five cents, and two cents are the rest.
    assert parts(sold_back) == (D(0), D("0.50"), D("0.20"), D(0), D("1.50"))
    assert parts(repaid) == (D(0), D("4.00"), D("2.00"), D(0), D("1.50"))
    assert [each.route for each in found.all] == [TAPPED, TAPPED, TRADED_BACK, TRADED_BACK]


@pytest.mark.parametrize("bid", [None, "200.04"])
def test_what_cannot_be_measured_is_left_out_and_nothing_else(bid: str | None) -> None:
    """Without a quote on arrival, as in a journal from before they were kept; or without a price for what is left."""
    found = measured(
        sent(1, "o-2", bid, None if bid is None else "200.10"),
        fill(2, "o-2", BUY_PEP, "200.12", quantity=10),
        sent(1, "o-4", None, None, back=True),
        ended(ProposalState.ROLLED_BACK, End.NONE),
    )
    assert [each.symbol for each in found.all] == ["KO"]
    assert found.working == 0


def test_where_nobody_knows_what_became_of_a_leg_nothing_is_measured() -> None:
    found = measured(sent(1, "o-2", "200.04", "200.10"), ended(ProposalState.FAILED, End.FLAGGED, KO="60", PEP="200"))
    assert (found.all, found.working) == ((), 0)


def test_an_end_without_a_tap_is_none_of_a_leg() -> None:
    found = Measured()
    found.apply(ended(ProposalState.FAILED, End.NONE))
    found.apply(sent(0, "o-1", "59.99", "60.05"))
    assert (found.all, found.working) == ((), 0)
