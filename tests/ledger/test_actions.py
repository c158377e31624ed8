"""Corporate actions, ends of options and transfers, worked by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from bursar.domain import events as e
from bursar.domain.instruments import OptionRight
from bursar.errors import LedgerError
from bursar.ledger.postings import AccountName, Nature
from tests.ledger.tale import MAIN, START, Tale, U, dec, decs, lots, money, pairs

CALL, PUT = OptionRight.CALL, OptionRight.PUT


def split(tale: Tale, new: int, old: int = 1, symbol: str = "A") -> Tale:
    tale.add(e.Split, symbol=symbol, new=dec(new), old=dec(old))
    return tale


# ---------------------------------------------------------------- splits


def test_a_split_changes_quantities_and_no_value() -> None:
    # Apple, 2020-08-31: four for one.
    tale = Tale().buy(100, 400, fee=1).buy(50, 500).mark(A=480)
    before, after = tale.held(), split(tale, 4).held()
    assert lots(after) == pairs(400, 40_001, 200, 25_000)
    assert (after.cost_basis, after.mark) == (before.cost_basis, dec(120))
    assert after.value(dec(120)) == before.value(dec(480))
    assert tale.book().marks["A"] == 120


def test_a_reverse_split_leaves_a_fraction_that_is_paid_out() -> None:
    # AIG, 2009-07-01: one for twenty. 105 / 20 = 5.25; the quarter of a share brings 5.80.
    tale = split(Tale(cash=10_000).buy(105, 20), 1, 20)
    assert tale.held().quantity == dec("5.25")
    tale.add(e.FractionPaid, account=U, portfolio=MAIN, symbol="A", quantity=dec("0.25"), amount=money("5.80"))
    main = tale.main()
    # cost 2100 x 0.25/5.25 = 100
    assert lots(main.positions["A"]) == pairs("5.00", 2000)
    assert main.realized == {"USD": dec("-94.20")}
    assert main.cash == {"USD": dec("7905.80")}


def test_a_third_of_a_share_is_not_lost() -> None:
    held = split(Tale().buy(1, 3).buy(1, 3).buy(1, 3), 1, 3).held()
    assert [lot.quantity for lot in held.lots] == list(decs("0.33333333", "0.33333333", "0.33333334"))
    assert held.quantity == 1


def test_a_stock_dividend_is_a_split() -> None:
    # Five percent: 21 for 20. IRS Publication 550: the basis is spread over old and new shares.
    tale = Tale().buy(100, 21)
    tale.add(e.Split, symbol="A", new=dec(21), old=dec(20), stock_dividend=True)
    assert lots(tale.held()) == pairs(105, 2100)


def test_a_split_reaches_shorts_and_every_portfolio() -> None:
    tale = split(Tale(shorts=True).sell(10, 50).buy(4, 50, portfolio="other"), 2)
    assert tale.held().quantity == -20
    assert tale.main("other").positions["A"].quantity == 8


def test_the_holding_period_goes_on_through_a_split() -> None:
    tale = split(Tale().on("2020-01-02").buy(1, 10).on("2020-06-01"), 2)
    (closing,) = tale.on("2021-01-04").sell(2, 10).main().closings
    assert (closing.acquired, closing.long_term) == (date(2020, 1, 2), True)


def test_a_split_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(LedgerError, match="too few for a split of 1 for 1000000000"):
        split(Tale().buy(1, 10), 1, 10**9).book()


def test_a_lot_that_vanishes_leaves_its_cost_to_the_next() -> None:
    tale = Tale().buy("0.00000001", 100_000_000).buy(1, 10)
    assert lots(split(tale, 1, 10).held()) == pairs("0.1", 11)


# ---------------------------------------------------------------- spin-offs


def spin(tale: Tale, ratio: str = "0.5", fraction: str = "0.2", currency: str = "USD") -> Tale:
    tale.list("KID", currency)
    tale.add(e.SpunOff, symbol="A", child="KID", ratio=dec(ratio), basis_fraction=dec(fraction))
    return tale


def test_a_spin_off_takes_its_part_of_the_cost_and_the_holding_period() -> None:
    # 26 U.S.C. § 358: basis is split by market value; § 1223: the holding period tacks.
    tale = spin(Tale().on("2020-01-02").buy(100, 10, fee=1).on("2020-06-01"))
    main = tale.main()
    assert lots(main.positions["A"]) == pairs(100, "800.80")
    assert lots(main.positions["KID"]) == pairs(50, "200.20")
    assert main.positions["KID"].lots[0].acquired == date(2020, 1, 2)
    assert main.positions["A"].entry_price == 8, "stops move with the value that left"
    assert main.realized == {}


def test_a_spin_off_from_a_short_makes_a_short() -> None:
    main = spin(Tale(shorts=True).sell(100, 10)).main()
    assert lots(main.positions["KID"]) == pairs(-50, -200)


def test_a_child_has_the_parents_currency() -> None:
    with pytest.raises(LedgerError, match="KID is in EUR, A in USD"):
        spin(Tale().buy(1, 1), currency="EUR").book()


# ---------------------------------------------------------------- mergers


def merge(
    tale: Tale, into: str = "", ratio: str = "0", cash: str = "0", price: str | None = None, **named: Any
) -> Tale:
    if into:
        tale.list(into, named.get("listed", "USD"))
    tale.add(
        e.Merged,
        symbol="A",
        into=into,
        ratio=dec(ratio),
        cash=money(cash, named.get("currency", "USD")),
        price=None if price is None else dec(price),
    )
    return tale


def test_a_merger_for_cash_is_a_sale() -> None:
    # Twitter, 2022-10-28: 54.20 in cash.
    main = merge(Tale(cash=10_000).buy(100, 40), cash="54.20").main()
    assert main.cash == {"USD": 11_420}
    assert main.realized == {"USD": 1420}
    assert (list(main.positions), [trip.profit for trip in main.round_trips]) == ([], [dec(1420)])


def test_a_merger_for_shares_keeps_cost_and_dates() -> None:
    tale = merge(Tale().on("2020-01-02").buy(100, 40).on("2020-06-01").mark(A=50), "B", "0.5")
    main = tale.main()
    assert lots(main.positions["B"]) == pairs(50, 4000)
    assert main.positions["B"].lots[0].acquired == date(2020, 1, 2)
    assert main.positions["B"].opened_at == tale.events[3].at
    assert (list(main.positions), main.realized) == (["B"], {})


@pytest.mark.parametrize(
    ("cost", "gain", "basis"),
    [
        # 100 shares bring 1000 in cash and 50 new shares at 60, worth 3000: 4000 in all.
        (35, 500, 3000),  # gain 4000 - 3500 = 500, less than the cash: all of it is realized; 3500 - 1000 + 500
        (20, 1000, 2000),  # gain 2000, realized up to the cash; 2000 - 1000 + 1000
        (45, 0, 3500),  # a loss is not realized; 4500 - 1000
    ],
)
def test_a_merger_for_cash_and_shares_realizes_a_gain_up_to_the_cash(cost: int, gain: int, basis: int) -> None:
    # 26 U.S.C. § 356(a) and (c), § 358(a).
    main = merge(Tale(cash=10_000).buy(100, cost), "B", "0.5", "10", "60").main()
    assert main.realized.get("USD", 0) == gain
    assert lots(main.positions["B"]) == pairs(50, basis)
    assert main.cash == {"USD": 10_000 - 100 * cost + 1000}


def test_a_short_pays_the_cash_of_a_merger_and_adds_it_to_its_cost() -> None:
    main = merge(Tale(shorts=True, cash=0).sell(100, 40), "B", "0.5", "10", "60").main()
    assert main.cash == {"USD": 3000}
    assert lots(main.positions["B"]) == pairs(-50, -3000)


def test_unknown_cost_stays_unknown_in_a_merger() -> None:
    tale = Tale(cash=0)
    tale.add(e.PositionAdopted, account=U, portfolio=MAIN, symbol="A", quantity=dec(10))
    main = merge(tale, "B", "0.5", "10", "60").main()
    assert main.positions["B"].cost_basis is None
    assert main.balances[AccountName(Nature.UNKNOWN_BASIS, "USD", "A")] == -100
    again = merge(Tale().buy(1, 1), "B", "1").main()
    assert again.positions["B"].known


def test_a_merger_joins_what_is_held_already_and_excursions_go_on() -> None:
    tale = Tale().list("B").buy(10, 10, "B").on("2021-02-01").buy(10, 20).mark(A=25)
    held = merge(tale, "B", "1").held("B")
    assert lots(held) == pairs(10, 100, 10, 200)
    assert held.opened_at == START
    alone = merge(Tale().buy(10, 20).mark(A=25), "C", "1").held("C")
    assert (alone.best, alone.mark) == decs(50, 25)


@pytest.mark.parametrize(
    ("named", "said"), [({"currency": "EUR"}, "was paid for in EUR"), ({"listed": "EUR"}, "B is in EUR, A in USD")]
)
def test_a_merger_stays_in_one_currency(named: dict[str, str], said: str) -> None:
    with pytest.raises(LedgerError, match=said):
        merge(Tale().buy(1, 1), "B", "1", "1", "1", **named).book()


@pytest.mark.parametrize("shape", ["merger", "spin-off", "name"])
def test_longs_and_shorts_that_meet_are_left_to_a_person(shape: str) -> None:
    tale = Tale(shorts=True).buy(10, 10).list("B").list("KID").sell(1, 10, "B").sell(1, 10, "KID")
    if shape == "merger":
        tale.add(e.Merged, symbol="A", into="B", ratio=dec(1), cash=money(0))
    elif shape == "spin-off":
        tale.add(e.SpunOff, symbol="A", child="KID", ratio=dec(1), basis_fraction=dec("0.1"))
    else:
        tale.add(e.SymbolChanged, symbol="A", new_symbol="B")
    with pytest.raises(LedgerError, match="came in where -1 are held; net them first"):
        tale.book()


def test_shares_too_few_for_one_of_the_child_change_nothing() -> None:
    main = spin(Tale().buy("0.00000002", 10), "0.1").main()
    assert list(main.positions) == ["A"]
    assert main.positions["A"].cost == Decimal("0.0000002")
    with pytest.raises(LedgerError, match=r"are too few for 0.1 B each"):
        merge(Tale().buy("0.00000002", 10), "B", "0.1").book()


def test_lots_too_small_for_a_share_leave_their_cost_to_their_neighbors() -> None:
    before, after = Tale().buy("0.00000002", 10).buy(10, 10), Tale().buy(10, 10).buy("0.00000002", 10)
    for tale in (before, after):
        assert lots(spin(tale, "0.1", "0.5").held("KID")) == pairs(1, "50.00000010")


# ---------------------------------------------------------------- new names


def test_a_new_name_changes_nothing_else() -> None:
    tale = Tale().buy(10, 20, fee=1).mark(A=30)
    tale.add(e.PositionAdopted, account=U, portfolio=MAIN, symbol="A", quantity=dec(1), hands_off=True)
    before = tale.held()
    tale.add(e.SymbolChanged, symbol="A", new_symbol="META")
    main = tale.main()
    assert main.positions["META"] == before._replace(symbol="META")
    assert list(main.positions) == ["META"]
    assert tale.book().marks["META"] == 30
    assert tale.sell(5, 30, "META").held("META").quantity == 6


def test_a_new_name_may_be_listed_with_facts_of_its_own() -> None:
    tale = Tale().buy(10, 20).list("META", sector="media")
    tale.add(e.SymbolChanged, symbol="A", new_symbol="META")
    assert tale.held("META").sector == "media"


def test_a_new_name_is_not_another_thing() -> None:
    tale = Tale().buy(10, 20).list("META", multiplier=Decimal(10))
    tale.add(e.SymbolChanged, symbol="A", new_symbol="META")
    with pytest.raises(LedgerError, match="differ in currency or multiplier"):
        tale.book()


@pytest.mark.parametrize(
    ("shape", "fields"),
    [
        (e.Split, {"new": dec(2), "old": dec(1)}),
        (e.SpunOff, {"child": "B", "ratio": dec(1), "basis_fraction": dec("0.5")}),
        (e.Merged, {"into": "", "ratio": dec(0), "cash": money(1)}),
        (e.SymbolChanged, {"new_symbol": "B"}),
    ],
)
@pytest.mark.parametrize("sold", [False, True])
def test_nothing_happens_to_what_is_not_held(shape: type[e.Event], fields: dict[str, Any], sold: bool) -> None:
    tale = Tale().buy(1, 1).sell(1, 1) if sold else Tale()
    tale.add(shape, symbol="A", **fields)
    with pytest.raises(LedgerError, match=rf"event {len(tale.events)}: .*A is held nowhere"):
        tale.book()


@pytest.mark.parametrize(("quantity", "currency"), [("1.1", "USD"), ("0", "USD"), ("-0.5", "USD"), ("0.5", "EUR")])
def test_a_fraction_is_of_what_is_held(quantity: str, currency: str) -> None:
    tale = Tale().buy(1, 1)
    tale.add(e.FractionPaid, account=U, portfolio=MAIN, symbol="A", quantity=dec(quantity), amount=money(1, currency))
    with pytest.raises(LedgerError, match="of which 1 are held in USD"):
        tale.book()


def test_a_short_pays_for_its_fraction() -> None:
    tale = Tale(shorts=True, cash=0).sell("1.5", 10)
    tale.add(e.FractionPaid, account=U, portfolio=MAIN, symbol="A", quantity=dec("0.5"), amount=money(-6))
    main = tale.main()
    assert (main.cash["USD"], main.realized["USD"], main.positions["A"].quantity) == decs(9, -1, -1)


# ---------------------------------------------------------------- options
# IRS Publication 550, "Options": a premium is part of the price of the shares that an exercise or an assignment moves,
# and a gain or loss of its own when the option expires.


def ended(tale: Tale, how: e.OptionEnd, quantity: int = 1, cash: int | None = None, symbol: str = "O") -> Tale:
    tale.add(
        e.OptionEnded,
        account=U,
        portfolio=MAIN,
        symbol=symbol,
        quantity=dec(quantity),
        how=how,
        cash=None if cash is None else money(cash),
    )
    return tale


def test_an_exercised_call_buys_shares_for_strike_and_premium() -> None:
    tale = ended(Tale().list_option("O", CALL, 150).buy(2, 5, "O", fee=1), e.OptionEnd.EXERCISED, 1)
    main = tale.main()
    # half of 1001 goes with 100 shares at 150
    assert lots(main.positions["A"]) == pairs(100, "15500.50")
    assert main.positions["A"].entry_price == 150
    assert lots(main.positions["O"]) == pairs(1, "500.50")
    assert main.cash == {"USD": 100_000 - 1001 - 15_000}
    assert main.realized == {}


def test_an_exercised_put_sells_shares_for_strike_less_premium() -> None:
    tale = Tale(cash=0).buy(100, 120).list_option("O", PUT, 150).buy(1, 5, "O")
    main = ended(tale, e.OptionEnd.EXERCISED).main()
    # 15,000 - 500 - 12,000
    assert main.realized == {"USD": 2500}
    assert main.cash == {"USD": 2500}
    assert not main.positions


def test_an_assigned_call_sells_shares_for_strike_and_premium() -> None:
    tale = Tale(cash=0).buy(100, 120).list_option("O", CALL, 150).sell(1, 5, "O")
    assert lots(tale.held("O")) == pairs(-1, -500), "a covered call needs no permission to sell short"
    main = ended(tale, e.OptionEnd.ASSIGNED).main()
    # 15,000 + 500 - 12,000
    assert main.realized == {"USD": 3500}
    assert not main.positions


def test_an_assigned_put_buys_shares_for_strike_less_premium() -> None:
    tale = Tale().list_option("O", PUT, 150).sell(1, 5, "O")
    assert lots(ended(tale, e.OptionEnd.ASSIGNED).held()) == pairs(100, 14_500)


def test_an_assigned_put_covers_a_short() -> None:
    tale = Tale(shorts=True, cash=0).sell(100, 160).list_option("O", PUT, 150).sell(1, 5, "O")
    main = ended(tale, e.OptionEnd.ASSIGNED).main()
    # received 16,000 + 500, paid 15,000
    assert main.realized == {"USD": 1500}


def test_an_expired_option_loses_or_keeps_the_premium() -> None:
    bought = ended(Tale().list_option("O", CALL, 150).buy(1, 5, "O"), e.OptionEnd.EXPIRED).main()
    written = ended(Tale().list_option("O", CALL, 150).sell(1, 5, "O"), e.OptionEnd.EXPIRED).main()
    assert (bought.realized["USD"], written.realized["USD"]) == decs(-500, 500)
    assert [trip.profit for trip in bought.round_trips] == [-500]
    assert (dict(bought.positions), dict(written.positions)) == ({}, {})


def test_an_option_that_settles_in_cash_moves_no_shares() -> None:
    main = ended(Tale(cash=1000).list_option("O", CALL, 150).buy(1, 5, "O"), e.OptionEnd.EXERCISED, cash=800).main()
    assert (main.realized["USD"], main.cash["USD"]) == decs(300, 1300)
    assert not main.positions


def test_the_shares_of_an_exercise_belong_to_the_options_strategy() -> None:
    tale = Tale().list_option("O", CALL, 150).buy(1, 5, "O", strategy="calls")
    assert ended(tale, e.OptionEnd.EXERCISED).held().lots[0].strategy == "calls"


@pytest.mark.parametrize(
    ("how", "quantity", "short"),
    [
        (e.OptionEnd.EXERCISED, 1, True),
        (e.OptionEnd.ASSIGNED, 1, False),
        (e.OptionEnd.EXPIRED, 2, False),
        (e.OptionEnd.EXERCISED, 0, False),
    ],
)
def test_only_a_holder_exercises_and_only_a_writer_is_assigned(how: e.OptionEnd, quantity: int, short: bool) -> None:
    tale = Tale().list_option("O", CALL, 150)
    tale = tale.sell(1, 5, "O") if short else tale.buy(1, 5, "O")
    with pytest.raises(LedgerError, match=f"{quantity} O cannot be {how}"):
        ended(tale, how, quantity).book()


def test_only_options_end() -> None:
    with pytest.raises(LedgerError, match="A is a stock; only options are expired"):
        ended(Tale().buy(1, 1), e.OptionEnd.EXPIRED, symbol="A").book()


def test_an_assignment_that_would_sell_short_needs_permission() -> None:
    with pytest.raises(LedgerError, match="100 A were sold, but none are held"):
        ended(Tale().list_option("O", CALL, 150).sell(1, 5, "O"), e.OptionEnd.ASSIGNED).book()


# ---------------------------------------------------------------- transfers


def adopt(tale: Tale, quantity: int, cost: int | None = None, **fields: Any) -> Tale:
    basis = None if cost is None else money(cost, fields.pop("currency", "USD"))
    tale.add(
        e.PositionAdopted, account=U, portfolio=MAIN, symbol="A", quantity=dec(quantity), cost_basis=basis, **fields
    )
    return tale


def test_an_adopted_position_brings_its_cost_its_day_and_its_protection() -> None:
    held = adopt(Tale(), 10, 500, acquired=date(2015, 5, 5), hands_off=True).held()
    assert (held.cost_basis, held.lots[0].acquired, held.hands_off) == (dec(500), date(2015, 5, 5), True)
    assert Tale().buy(1, 1).held().hands_off is False


def test_older_shares_that_come_in_later_are_sold_first() -> None:
    tale = adopt(Tale().buy(10, 70), 10, 500, acquired=date(2015, 5, 5))
    assert tale.sell(10, 80).main().realized == {"USD": 300}


def test_the_gain_on_shares_of_unknown_cost_is_unknown_and_not_the_proceeds() -> None:
    tale = adopt(Tale(cash=0), 10)
    held = tale.held()
    assert (held.cost_basis, held.average_cost, held.entry_price) == (None, None, None)
    main = tale.sell(4, 50).main()
    assert (main.cash["USD"], main.realized) == (dec(200), {})
    assert [closing.gain for closing in main.closings] == [None]
    (trip,) = tale.sell(6, 50).main().round_trips
    assert (trip.known, trip.profit) == (False, dec(0))


def test_once_the_unknown_part_is_sold_the_cost_of_the_rest_is_known() -> None:
    tale = adopt(Tale(), 10).buy(10, 20)
    assert tale.held().cost_basis is None
    assert tale.sell(10, 50).held().cost_basis == 200


def test_a_short_can_be_adopted() -> None:
    assert lots(adopt(Tale(), -10, -500).held()) == pairs(-10, -500)


@pytest.mark.parametrize(
    ("quantity", "cost", "fields", "said"),
    [
        (10, -500, {}, "quantity and cost have one sign"),
        (0, 500, {}, "quantity and cost have one sign"),
        (10, 500, {"currency": "EUR"}, "A is in USD, its cost in EUR"),
        (-10, -500, {}, "came in where 1 are held; net them first"),
    ],
)
def test_what_cannot_be_adopted_is_named(quantity: int, cost: int, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(LedgerError, match=said):
        adopt(Tale().buy(1, 1), quantity, cost, **fields).book()


def test_released_shares_leave_at_cost() -> None:
    tale = Tale(cash=1000).buy(10, 20).buy(10, 30)
    tale.add(e.PositionReleased, account=U, portfolio=MAIN, symbol="A", quantity=dec(15))
    main = tale.main()
    assert lots(main.positions["A"]) == pairs(5, 150)
    assert main.balances[AccountName(Nature.CAPITAL, "USD")] == -1000 + 200 + 150
    assert [(flow.quantity, flow.cost) for flow in main.flows[1:]] == pairs(-10, -200, -5, -150)
    assert (main.realized, list(main.round_trips)) == ({}, [])


def test_when_all_shares_were_released_a_new_trip_begins() -> None:
    tale = Tale().buy(10, 20).mark(A=30)
    tale.add(e.PositionReleased, account=U, portfolio=MAIN, symbol="A", quantity=dec(10))
    held = tale.on("2021-03-01").buy(1, 20).held()
    assert (held.opened_at, held.best) == (tale.at, dec(0))


def move(tale: Tale, quantity: int, to: str = "other") -> Tale:
    tale.add(e.PositionMoved, account=U, from_portfolio=MAIN, to_portfolio=to, symbol="A", quantity=dec(quantity))
    return tale


def test_moved_shares_take_their_lots_along() -> None:
    tale = move(Tale().buy(10, 20, strategy="s").buy(10, 30).on("2021-02-01"), 15)
    book = tale.book()
    assert lots(book.portfolio(U).positions["A"]) == pairs(5, 150)
    other = book.portfolio(U, "other")
    assert lots(other.positions["A"]) == pairs(10, 200, 5, 150)
    assert other.positions["A"].opened_at == START
    assert other.balances[AccountName(Nature.TRANSFER, "USD")] == -350
    assert [(flow.strategy, flow.outside) for flow in other.flows] == [("s", False), ("", False)]
    assert lots(move(tale, 5).main("other").positions["A"]) == pairs(10, 200, 5, 150, 5, 150)


def test_unknown_cost_moves_too() -> None:
    assert move(adopt(Tale(), 10), 5).main("other").positions["A"].cost_basis is None


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda tale: move(tale, 11), "11 A cannot leave: 10 are held"),
        (lambda tale: move(tale, 0), "0 A cannot leave"),
        (lambda tale: move(tale, 1, MAIN), "cannot move from 'main' to itself"),
        (lambda tale: move(tale.sell(1, 1, portfolio="other"), 1), "1 A came in where -1 are held"),
    ],
)
def test_what_cannot_move_is_named(make: Any, said: str) -> None:
    with pytest.raises(LedgerError, match=said):
        make(Tale(shorts=True).buy(10, 10)).book()
