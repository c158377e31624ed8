"""What a trade does to cash, lots and gains, worked by hand. Source: IRS Publication 550, chapter 4, unless said."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from bursar.domain import events as e
from bursar.domain.instruments import InstrumentKind
from bursar.domain.orders import Side
from bursar.errors import LedgerError
from bursar.ledger.book import Bookkeeper, fold
from bursar.ledger.postings import AccountName, Nature
from tests.ledger.tale import MAIN, START, Tale, U, dec, decs, lots, money, pairs

# ---------------------------------------------------------------- buying and selling


def test_a_purchase_costs_its_price_and_its_commission() -> None:
    tale = Tale(cash=10_000).buy(100, 10, fee=1)
    # 100 x 10 + 1 = 1001; 10,000 - 1001 = 8999
    assert tale.main().cash == {"USD": 8999}
    held = tale.held()
    assert (held.quantity, held.cost_basis, held.average_cost) == decs(100, 1001, "10.01")
    assert held.entry_price == 10, "the price that stops are set from has no commission in it"
    assert (held.opened_at, held.currency, held.multiplier) == (START, "USD", dec(1))


def test_selling_150_of_two_lots_takes_the_older_first() -> None:
    main = Tale().buy(100, 10).buy(100, 12).sell(150, 15).main()
    # 150 x 15 - (100 x 10 + 50 x 12) = 2250 - 1600 = 650
    assert main.realized == {"USD": 650}
    assert lots(main.positions["A"]) == pairs(50, 600)
    assert [(c.quantity, c.cost, c.proceeds, c.gain) for c in main.closings] == [
        decs(100, 1000, 1500, 500),
        decs(50, 600, 750, 150),
    ]


def test_what_was_closed_is_found_one_by_one_and_stays_as_it_was() -> None:
    tale = Tale().buy(100, 10).buy(100, 12).buy(100, 14).sell(150, 15)
    before = tale.main().closings
    after = tale.sell(100, 16).main().closings
    # (100 x 10, 50 x 12), and then (50 x 12, 50 x 14) for 16
    gains = [500, 150, 200, 100]
    assert [closing.gain for closing in before] == gains[:2]
    assert [closing.gain for closing in after] == gains
    assert [after[place].gain for place in range(-1, 3)] == [100, *gains[:3]]
    assert after[1:3] == list(after)[1:3]
    assert (len(before), len(after), after == before, list(Tale().main().closings)) == (2, 4, False, [])
    with pytest.raises(IndexError):
        before[2]


def test_both_commissions_lower_the_gain() -> None:
    main = Tale().buy(100, 10, fee=1).sell(40, 12, fee=1).main()
    # proceeds 480 - 1 = 479; cost 1001 x 40/100 = 400.40; gain 78.60
    assert main.realized == {"USD": Decimal("78.60")}
    assert main.positions["A"].cost_basis == Decimal("600.60")
    assert main.fees == main.commissions == {"USD": 2}


def test_a_cost_that_does_not_divide_loses_nothing() -> None:
    main = Tale().buy(3, "33.37").sell(1, 40).sell(1, 40).sell(1, 40).main()
    # 100.11 / 3 = 33.37; with a commission of 1 cent 100.12 / 3 does not end
    assert main.realized == {"USD": Decimal("19.89")}
    odd = Tale().buy(3, "33.37", fee="0.01").sell(1, 40).sell(1, 40).main()
    first, second = (closing.cost for closing in odd.closings)
    assert (first, second, odd.positions["A"].cost_basis) == decs("33.37333333", "33.37333334", "33.37333333")
    assert first + second + odd.positions["A"].cost == Decimal("100.12")


def test_fractions_of_shares_are_kept() -> None:
    main = Tale().list("F", lot=Decimal("0.0001")).buy("0.1234", "81.05", "F").sell("0.0234", 100, "F").main()
    # 0.1234 x 81.05 = 10.00157; of it 0.0234/0.1234 = 1.89657; 2.34 - 1.89657 = 0.44343
    assert main.positions["F"].quantity == Decimal("0.1000")
    assert main.realized == {"USD": Decimal("0.44343")}


def test_each_strategy_gains_on_its_own_lots() -> None:
    main = Tale().buy(10, 10, strategy="slow").buy(10, 20, strategy="fast").sell(20, 30, strategy="exit").main()
    gains = {name.strategy: -balance for name, balance in main.balances.items() if name.nature is Nature.REALIZED}
    assert gains == {"slow": 200, "fast": 100}


def test_a_commission_in_another_currency_is_not_part_of_the_cost() -> None:
    main = Tale().list("X", "EUR").deposit(1000, "EUR").buy(10, 50, "X", fee=2, currency="USD").main()
    assert main.cash == {"USD": 99_998, "EUR": 500}
    assert main.positions["X"].cost_basis == 500
    assert main.balances[AccountName(Nature.COMMISSION, "USD", "X")] == 2
    assert main.fees == {"USD": 2}


def test_a_fill_goes_to_the_portfolio_of_its_order_and_one_of_nobodys_is_shown_unallocated() -> None:
    tale = (
        Tale().deposit(5000, portfolio="growth").buy(10, 10, portfolio="growth").buy(5, 10, portfolio="", order_id="")
    )
    book = tale.book()
    assert [held.portfolio for held in book.of_account(U)] == ["", "growth", MAIN]
    assert book.portfolio(U, "").positions["A"].quantity == 5
    assert book.portfolio(U, "growth").positions["A"].quantity == 10
    assert book.quantity(U, "A") == 15, "the broker knows only the account"
    assert book.quantity(U, "B") == 0


# ---------------------------------------------------------------- shorts and flips


def test_a_short_gains_when_it_is_covered_for_less() -> None:
    tale = Tale(shorts=True, cash=1000).sell(10, 50, fee=1)
    # proceeds 500 - 1 = 499, which is the cost, below zero
    assert tale.main().cash == {"USD": 1499}
    assert lots(tale.held()) == pairs(-10, -499)
    assert tale.held().entry_price == 50
    main = tale.buy(4, 45, fee=1).buy(6, 60).main()
    # covering 4 pays 181 against 499 x 4/10 = 199.60: +18.60; covering 6 pays 360 against 299.40: -60.60
    assert main.realized == {"USD": Decimal("-42.00")}
    assert main.cash == {"USD": 1499 - 181 - 360}
    assert not main.positions


def test_selling_more_than_is_held_closes_the_long_and_opens_a_short() -> None:
    tale = Tale(shorts=True).buy(10, 10).sell(25, 12, fee=5)
    # 300 - 5 = 295 for 25: 10/25 of it, 118, closes the long (+18); 177 open the short of 15
    main = tale.main()
    assert main.realized == {"USD": 18}
    assert lots(main.positions["A"]) == pairs(-15, -177)
    assert main.positions["A"].entry_price == 12
    assert [trip.profit for trip in main.round_trips] == [18]
    # buying 20 for 11: 15 cover (177 - 165 = +12), 5 are long at 55
    main = tale.buy(20, 11).main()
    assert main.realized == {"USD": 30}
    assert lots(main.positions["A"]) == pairs(5, 55)


def test_selling_what_is_not_held_is_refused_where_shorts_are_not_allowed() -> None:
    with pytest.raises(
        LedgerError, match="event 5: e-5: 11 A were sold, but only 10 are held and shorts are not allowed"
    ):
        Tale().buy(10, 10).sell(11, 10).book()
    with pytest.raises(LedgerError, match="event 4: e-4: 1 A were sold, but none are held"):
        Tale().sell(1, 10).book()


def test_whether_shorts_are_allowed_can_change() -> None:
    tale = Tale()
    tale.add(e.AccountOpened, account=U, base_currency="USD", shorts_allowed=True)
    assert tale.sell(1, 10).held().quantity == -1


# ---------------------------------------------------------------- lot methods

M = e.LotMethod


@pytest.mark.parametrize(
    ("method", "taken"),
    [
        # Sold on 2022-03-01 at 100, net of nothing. What each unit gains, and for how long it was held:
        # a 60 long-term +40, b 130 long-term -30, c 90 long-term +10, d 120 short-term -20, f 70 short-term +30.
        (M.FIFO, "abcdf"),
        (M.SPECIFIC, "abcdf"),
        (M.LIFO, "fdcba"),
        (M.HIFO, "bdcfa"),
        (M.LONG_TERM_GAIN, "acfdb"),  # long gains, most first; short gains; short losses, least first; long losses
        (M.LONG_TERM_LOSS, "bdfca"),  # long losses; short losses; short gains, least first; long gains
        (M.SHORT_TERM_GAIN, "facbd"),  # short gains; long gains; long losses, least first; short losses
        (M.SHORT_TERM_LOSS, "dbcaf"),  # short losses; long losses; long gains, least first; short gains
    ],
)
def test_each_method_takes_lots_in_the_brokers_order(method: M, taken: str) -> None:
    # Source: IBKR, Tax Optimizer, "Lot-Matching Methods".
    tale = Tale(method)
    costs = {"a": 60, "b": 130, "c": 90, "d": 120, "f": 70}
    days = {"a": "2020-01-02", "b": "2020-02-03", "c": "2020-03-02", "d": "2021-09-01", "f": "2021-10-01"}
    for name, cost in costs.items():
        tale.on(days[name]).buy(1, cost, event_id=name)
    closed = tale.on("2022-03-01").sell(5, 100).main().closings
    assert "".join(closing.source for closing in closed) == taken


def test_a_method_takes_a_part_of_the_lot_that_it_likes_best() -> None:
    held = Tale(M.HIFO).buy(10, 10).buy(10, 30).buy(10, 20).sell(15, 40).held()
    assert lots(held) == pairs(10, 100, 5, 100)


def test_the_highest_cost_of_a_short_is_the_lowest_price_that_was_received() -> None:
    main = Tale(M.HIFO, shorts=True).sell(1, 50).sell(1, 40).sell(1, 60).buy(1, 45).main()
    assert main.realized == {"USD": -5}


def test_lots_of_unknown_cost_are_taken_last_by_methods_that_look_at_cost() -> None:
    tale = Tale(M.HIFO)
    tale.add(e.PositionAdopted, account=U, portfolio=MAIN, symbol="A", quantity=dec(1))
    assert [c.gain for c in tale.buy(1, 90).sell(2, 100).main().closings] == [10, None]


def test_a_new_method_holds_from_then_on() -> None:
    tale = Tale().buy(1, 10).buy(1, 20).buy(1, 30).sell(1, 40)
    tale.add(e.AccountOpened, account=U, base_currency="USD", lot_method=M.LIFO)
    assert [c.cost for c in tale.sell(1, 40).main().closings] == [10, 30]


def test_lots_that_a_person_chose_are_taken_whether_named_before_or_after_the_sale() -> None:
    for before in (True, False):
        tale = Tale(M.SPECIFIC).buy(10, 10, event_id="old").buy(10, 20, event_id="mid").buy(10, 30, event_id="new")
        chosen = {"execution_id": "sale", "lots": {"new": dec(4), "old": dec(1)}}
        if before:
            tale.add(e.LotsChosen, **chosen)
        tale.sell(5, 40, execution_id="sale")
        if not before:
            assert [c.source for c in tale.main().closings] == ["old"]
            tale.add(e.LotsChosen, **chosen)
        main = tale.main()
        assert [(c.source, c.quantity, c.gain) for c in main.closings] == [("new", *decs(4, 40)), ("old", *decs(1, 30))]
        assert lots(main.positions["A"]) == pairs(9, 90, 10, 200, 6, 180)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"old": 3}, "lots of 3 were chosen for a sale of 5"),
        ({"old": 5, "none": 0}, "lot none does not hold the 0"),
        ({"none": 5}, "lot none does not hold the 5 that were chosen"),
        ({"new": 5}, "lot new does not hold the 5"),
        ({"old": 6, "new": -1}, "lot new does not hold the -1"),
    ],
)
def test_lots_that_cannot_be_chosen_change_nothing(chosen: dict[str, int], said: str) -> None:
    tale = Tale(M.SPECIFIC).buy(10, 10, event_id="old").buy(4, 20, event_id="new").sell(5, 40, execution_id="sale")
    keeper = Bookkeeper()
    for event in tale.events:
        keeper.apply(event)
    before = keeper.book()
    event = tale.add(e.LotsChosen, execution_id="sale", lots={name: dec(size) for name, size in chosen.items()})
    with pytest.raises(LedgerError, match=said):
        keeper.apply(event)
    assert keeper.book() == before


# ---------------------------------------------------------------- holding periods


@pytest.mark.parametrize(
    ("bought", "sold", "long_term"),
    [
        ("2021-01-04", "2022-01-04", False),  # a year to the day is not more than a year
        ("2021-01-04", "2022-01-05", True),
        ("2020-02-29", "2021-02-28", False),
        ("2020-02-29", "2021-03-01", True),
        # Rev. Rul. 66-7: bought on the last day of a month, held for a year from the first day of the next.
        ("2019-02-28", "2020-02-29", False),
        ("2019-02-28", "2020-03-01", True),
        ("2020-02-28", "2021-02-28", False),
        ("2020-02-28", "2021-03-01", True),
        ("2020-12-31", "2022-01-01", True),
    ],
)
def test_a_gain_is_long_term_when_held_for_more_than_a_year(bought: str, sold: str, long_term: bool) -> None:
    (closing,) = Tale().on(bought).buy(1, 10).on(sold).sell(1, 20).main().closings
    assert closing.long_term is long_term


def test_the_trade_date_counts_and_not_the_day_in_utc() -> None:
    # Sydney opens at 23:00 UTC of the day before.
    (closing,) = (
        Tale().on("2021-01-04", 23).buy(1, 10, traded_on=date(2021, 1, 5)).on("2022-01-05").sell(1, 20).main().closings
    )
    assert (closing.acquired, closing.long_term) == (date(2021, 1, 5), False)


def test_a_short_is_short_term_however_long_it_lasted() -> None:
    (closing,) = Tale(shorts=True).on("2019-01-04").sell(1, 10).on("2022-01-05").buy(1, 5).main().closings
    assert (closing.gain, closing.long_term) == (dec(5), False)


# ---------------------------------------------------------------- settlement


def test_proceeds_are_settled_cash_when_they_settle_and_purchases_are_spent_at_once() -> None:
    tale = Tale(cash=1000).buy(50, 10, settles_on=date(2021, 1, 6)).sell(20, 11, settles_on=date(2021, 1, 6))
    main = tale.main()
    # 1000 - 500 + 220 = 720, of which 220 settle on the 6th
    assert main.cash["USD"] == 720
    assert [main.settled_cash("USD", START.date() + timedelta(days=days)) for days in (0, 1, 2, 3)] == [
        500,
        500,
        720,
        720,
    ]
    assert main.settled_cash("EUR", START.date()) == 0


def test_proceeds_of_several_days_settle_on_their_own_days() -> None:
    tale = Tale(cash=1000).buy(100, 10).sell(10, 10, settles_on=date(2021, 1, 6))
    main = tale.sell(20, 10, settles_on=date(2021, 1, 7)).sell(30, 10, settles_on=date(2021, 1, 7)).main()
    assert [main.settled_cash("USD", date(2021, 1, day)) for day in (5, 6, 7)] == [0, 100, 600]


def test_settlements_long_past_are_forgotten_and_change_nothing() -> None:
    tale = Tale(cash=1000).buy(100, 10).sell(10, 10, settles_on=date(2021, 1, 6))
    main = tale.on("2021-02-03").sell(1, 10, settles_on=date(2021, 2, 6)).main()
    assert list(main.pending["USD"]) == [date(2021, 2, 6)]
    assert main.settled_cash("USD", date(2021, 2, 5)) == 100
    late = tale.sell(1, 10, settles_on=date(2021, 1, 6)).main()
    assert late.pending == main.pending, "however late it is said"


# ---------------------------------------------------------------- options and currency pairs


def test_an_option_counts_a_hundred_shares() -> None:
    option = "A     210618C00150000"
    tale = Tale(cash=10_000).list(option, kind=InstrumentKind.ETF, multiplier=Decimal(100))
    main = tale.buy(2, "3.50", option, fee="1.30").sell(2, 5, option, fee="1.30").main()
    # 2 x 3.50 x 100 + 1.30 = 701.30; 2 x 5 x 100 - 1.30 = 998.70
    assert main.realized == {"USD": Decimal("297.40")}


def test_a_fill_in_a_currency_pair_moves_cash_and_leaves_no_position() -> None:
    tale = Tale(cash=20_000).list("EUR.USD", "USD", kind=InstrumentKind.CURRENCY)
    main = tale.buy(10_000, "1.10", "EUR.USD", fee=2).sell(4000, "1.20", "EUR.USD", fee=2).main()
    # -11,000 - 2 + 4800 - 2
    assert main.cash == {"USD": 20_000 - 11_000 + 4800 - 4, "EUR": 6000}
    assert not main.positions
    assert main.fees == {"USD": 4}


def test_a_pair_is_named_by_its_currencies() -> None:
    tale = Tale().list("EURUSD", "USD", kind=InstrumentKind.CURRENCY)
    with pytest.raises(LedgerError, match=r"a pair is named like EUR.USD"):
        tale.buy(1, 1, "EURUSD").book()
    with pytest.raises(LedgerError, match="unknown currency 'BTX'"):
        Tale().list("BTX.USD", "USD", kind=InstrumentKind.CURRENCY).buy(1, 1, "BTX.USD").book()


@pytest.mark.parametrize("kind", [InstrumentKind.FUTURE, InstrumentKind.INDEX])
def test_what_the_books_cannot_hold_is_said(kind: InstrumentKind) -> None:
    with pytest.raises(LedgerError, match=f"X: the books cannot hold a {kind}"):
        Tale().list("X", kind=kind).buy(1, 1, "X").book()


# ---------------------------------------------------------------- round trips


def test_a_round_trip_goes_from_nothing_to_nothing() -> None:
    tale = Tale().on("2021-01-04").buy(10, 10, fee=1).on("2021-01-06").buy(10, 12, fee=1).on("2021-01-10").sell(15, 15)
    assert list(tale.main().round_trips) == []
    (trip,) = tale.on("2021-01-14").sell(5, 9, fee=1).main().round_trips
    # in: 101 + 121 = 222; out: 225 + 44 = 269
    assert (trip.symbol, trip.profit, trip.days, trip.known) == ("A", dec(47), 10.0, True)
    assert tale.on("2021-02-01").buy(1, 1).held().opened_at == tale.at, "the next one begins anew"


def test_excursions_are_the_best_and_the_worst_that_a_mark_saw() -> None:
    tale = Tale().buy(10, 100).mark(A=120, official=False).mark(A=90).sell(5, 105).mark(A=80)
    held = tale.held()
    # at 120: +200; at 90: -100; 5 sold at 105: +25 realized, at 80: +25 - 100 = -75
    assert (held.best, held.worst, held.mark) == decs(200, -100, 80)
    (trip,) = tale.sell(5, 50).main().round_trips
    # +25 - 250 = -225, at its end
    assert (trip.best, trip.worst, trip.profit) == decs(200, -225, -225)


def test_excursions_of_a_short_are_the_other_way_round() -> None:
    held = Tale(shorts=True).sell(10, 100).mark(A=120).mark(A=90).held()
    assert (held.best, held.worst) == decs(100, -200)


# ---------------------------------------------------------------- corrections


def corrected(tale: Tale, corrects: str, quantity: int, price: int, fee: int = 0, name: str = "fix") -> Tale:
    tale.add(
        e.FillCorrected,
        execution_id=name,
        corrects=corrects,
        quantity=dec(quantity),
        price=dec(price),
        commission=money(fee),
    )
    return tale


def restated(tale: Tale) -> object:
    """What a correction may change of the book: everything but the ids of what happened."""
    main = tale.main()
    closings = [closing[:-2] for closing in main.closings]
    return main.cash, main.balances, [lot[:5] for lot in main.positions["A"].lots], closings, main.commissions


def test_a_corrected_fill_gives_the_books_in_which_it_had_been_right() -> None:
    wrong = Tale().buy(100, 10, fee=1, execution_id="one").buy(50, 20).sell(120, 30)
    right = Tale().buy(110, 11, fee=2, execution_id="one").buy(50, 20).sell(120, 30)
    assert restated(corrected(wrong, "one", 110, 11, 2)) == restated(right)


def test_a_busted_fill_never_happened() -> None:
    wrong = Tale().buy(100, 10, execution_id="one").buy(50, 20, execution_id="two").sell(30, 30)
    right = Tale().buy(50, 20).sell(30, 30)
    main = corrected(wrong, "one", 0, 0).main()
    assert main.cash == right.main().cash
    assert lots(main.positions["A"]) == lots(right.held())


def test_a_correction_can_be_corrected_by_the_name_of_either() -> None:
    for name in ("one", "fix"):
        tale = corrected(corrected(Tale().buy(1, 10, execution_id="one"), "one", 2, 10), name, 3, 10, name="again")
        assert tale.held().quantity == 3


def test_a_currency_fill_is_corrected_too() -> None:
    tale = Tale(cash=1000).list("EUR.USD", "USD", kind=InstrumentKind.CURRENCY)
    tale.buy(100, 1, "EUR.USD", fee=9, execution_id="one")
    assert corrected(tale, "one", 200, 2, 1).main().cash == {"USD": 1000 - 400 - 1, "EUR": 200}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda tale: corrected(tale, "other", 1, 1), "corrects execution other, which was never booked"),
        (lambda tale: corrected(tale, "one", 1, 1, name="two"), "execution two is booked already"),
        (lambda tale: corrected(tale, "one", 5, 10), "8 A were sold, but only 5 are held"),
        (lambda tale: tale.buy(1, 1, execution_id="one"), "execution one of A is booked already"),
        (lambda tale: corrected(corrected(tale, "one", 9, 9), "one", 8, 8), "execution fix is booked already"),
    ],
)
def test_a_correction_that_cannot_be_changes_nothing(make: object, said: str) -> None:
    tale = Tale().buy(10, 10, execution_id="one").sell(8, 10, execution_id="two")
    make(tale)  # type: ignore[operator]  # one of the functions above
    keeper = Bookkeeper()
    for event in tale.events[:-1]:
        keeper.apply(event)
    before = keeper.book()
    with pytest.raises(LedgerError, match=f"event {len(tale.events)}: .*{said}"):
        keeper.apply(tale.events[-1])
    assert keeper.book() == before
    keeper.apply(Tale().deposit(5).events[-1])
    assert keeper.book().portfolio(U).cash["USD"] == before.portfolio(U).cash["USD"] + 5


def test_a_fill_that_follows_a_correction_under_its_name_is_a_repetition() -> None:
    tale = corrected(Tale().buy(10, 10, execution_id="one"), "one", 11, 10)
    with pytest.raises(LedgerError, match="execution fix of A is booked already"):
        tale.buy(1, 1, execution_id="fix").book()


# ---------------------------------------------------------------- what is refused


def test_every_refusal_names_its_place_in_the_journal() -> None:
    tale = Tale().buy(1, 10, "B")
    with pytest.raises(LedgerError, match="'B' was never listed") as caught:
        tale.book()
    assert caught.value.sequence == len(tale.events) == 4


def test_an_account_that_was_never_opened_is_named() -> None:
    event = Tale().deposit(1).events[-1]
    with pytest.raises(LedgerError, match="account 'DU9000001' was never opened; the books know none"):
        fold([event])
    with pytest.raises(LedgerError, match="account 'U7' was never opened; the books know DU9000001"):
        Tale().book().portfolio("U7")


def test_numbers_too_long_to_be_exact_are_refused() -> None:
    with pytest.raises(LedgerError, match=r"event 4: .* too large or too long"):
        Tale().buy("1e15", "1e15").book()
    with pytest.raises(LedgerError, match=r"event 4: .*finer than a hundred-millionth"):
        Tale().buy(1, 1, fee="0.000000001").book()
    with pytest.raises(LedgerError, match=r"event 3: .*finer than a hundred-millionth"):
        Tale(cash="0.000000001").book()


def test_a_base_currency_never_changes() -> None:
    tale = Tale()
    tale.add(e.AccountOpened, account=U, base_currency="EUR")
    with pytest.raises(LedgerError, match="its base cannot become EUR"):
        tale.book()


def test_an_unknown_currency_is_refused_with_its_place() -> None:
    with pytest.raises(LedgerError, match="event 4: e-4: unknown currency 'XYZ'"):
        Tale().list("B", "XYZ").book()


def test_what_is_held_keeps_its_kind_and_its_currency() -> None:
    with pytest.raises(LedgerError, match="its kind, currency and multiplier stay"):
        Tale().buy(1, 1).list("A", "EUR").book()
    assert Tale().buy(1, 1).list("A", sector="new").held().sector == "new"


def test_marks_are_not_negative_and_rates_are_above_zero() -> None:
    with pytest.raises(LedgerError, match="event 4: e-4: the mark of A is -1"):
        Tale().mark(A=-1).book()
    with pytest.raises(LedgerError, match="the rate of EUR is 0"):
        Tale().mark({"EUR": 0}).book()
    with pytest.raises(LedgerError, match="unknown currency 'XYZ'"):
        Tale().mark({"XYZ": 1}).book()


def test_a_side_is_not_a_sign() -> None:
    assert Tale(shorts=True).sell(1, 1).held().quantity == -1
    assert {side.value for side in Side} == {"buy", "sell"}
