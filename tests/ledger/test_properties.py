"""What is always so, whatever happens and in whatever order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from bursar.domain import events as e
from bursar.domain.money import ZERO
from bursar.domain.orders import Side
from bursar.domain.record import decode, encode
from bursar.errors import LedgerError
from bursar.ledger.book import Book, Bookkeeper, fold
from bursar.ledger.postings import ASSETS, CAPITAL, Nature
from tests.conftest import Evidence
from tests.ledger.anything import PORTFOLIOS, Draw, Story, begin, fills, happenings, made, stories
from tests.ledger.tale import U

#: The same lines many times over: other tests are measured, these are not.
pytestmark = pytest.mark.no_cover

RESULT = frozenset(Nature) - ASSETS - CAPITAL


def check_balance(book: Book) -> None:
    """Assets equal what was paid in and what was made of it, in every currency of every portfolio."""
    for held in book.portfolios.values():
        assets, capital, result = (held.total(natures) for natures in (ASSETS, CAPITAL, RESULT))
        for currency in assets | capital | result:
            owned = assets.get(currency, ZERO)
            assert owned == -capital.get(currency, ZERO) - result.get(currency, ZERO), f"{held.portfolio} {currency}"


def check_lots(book: Book) -> None:
    """Lots sum to positions, in quantity and in cost, and are all on one side; what is not held has no cost."""
    for held in book.portfolios.values():
        for symbol, position in held.positions.items():
            assert position.quantity == sum((lot.quantity for lot in position.lots), ZERO) != 0
            assert position.cost == sum((lot.cost for lot in position.lots), ZERO)
            assert position.paid == sum((lot.paid for lot in position.lots), ZERO)
            assert all(lot.quantity * position.quantity > 0 for lot in position.lots)
            assert [lot.acquired for lot in position.lots] == sorted(lot.acquired for lot in position.lots), symbol
            assert position.best >= 0 >= position.worst
        for name, balance in held.balances.items():
            if name.nature is Nature.COST and name.symbol not in held.positions:
                assert balance == 0, f"{name.symbol} is not held and costs {balance}"


def check_replay(story: Story) -> None:
    """Replaying, and going on from the middle, give the book that was kept; so does what the journal's bytes say."""
    book = story.keeper.book()
    assert fold(story.events) == book
    middle = len(story.events) // 2
    assert fold(story.events[middle:], start=fold(story.events[:middle])) == book
    assert fold(decode(encode(each)) for each in story.events) == book


@given(stories())
def test_assets_equal_contributions_and_results_in_every_currency(story: Story) -> None:
    event(f"{len(story.events) // 10 * 10} events or more")
    check_balance(story.keeper.book())


@given(stories())
def test_lots_sum_to_positions(story: Story) -> None:
    check_lots(story.keeper.book())


@given(stories())
def test_replay_equals_incremental(story: Story) -> None:
    check_replay(story)


@given(stories())
def test_the_books_stay_as_they_are_where_an_event_is_said_not_to_move_them(story: Story) -> None:
    before = story.keeper.book()
    at = story.events[-1].at
    assert not story.keeper.apply(e.DecisionSkipped(event_id="k-00000001", at=at, portfolio="main", reason="a holiday"))
    assert replace(story.keeper.book(), sequence=before.sequence, at=before.at) == before
    assert story.keeper.apply(e.Marked(event_id="mark", at=at, prices={}, official=True))


@given(stories())
def test_a_book_that_was_handed_out_does_not_change(story: Story) -> None:
    keeper, books = Bookkeeper(), []
    for each in story.events:
        keeper.apply(each)
        books.append(keeper.book())
    for number in range(1, len(books), 5):
        assert books[number] == fold(story.events[: number + 1])


# ---------------------------------------------------------------- a second witness


def witness_cash(events: list[e.Event]) -> dict[tuple[str, str], Decimal]:
    """Cash by portfolio and currency from trades, conversions and payments alone, without lots or postings."""
    cash: Counter[tuple[str, str]] = Counter()
    multiplier = {"O": 100, "P": 100}
    for each in events:
        match each:
            case e.Filled(symbol=symbol, commission=fee):
                sign = -1 if each.side is Side.BUY else 1
                spent = sign * each.quantity * each.price * multiplier.get(symbol, 1) - fee.amount
                cash[each.portfolio, fee.currency] += spent  # type: ignore[assignment]  # a Counter adds Decimals too
            case e.Deposited(amount=amount) | e.FeeCharged(amount=amount) | e.InterestPaid(amount=amount):
                cash[each.portfolio, amount.currency] += amount.amount  # type: ignore[assignment]  # as above
            case e.DividendPaid(amount=amount, withheld=withheld):
                cash[each.portfolio, amount.currency] += amount.amount - withheld.amount  # type: ignore[assignment]  # as above
            case _:
                assume(isinstance(each, e.AccountOpened | e.InstrumentListed | e.Marked | e.PositionMoved | e.Split))
    return dict(cash)  # type: ignore[arg-type]  # as above


@given(
    st.lists(
        happenings.filter(
            lambda draw: draw[0] in (e.Filled, e.Deposited, e.FeeCharged, e.InterestPaid, e.DividendPaid, e.Split)
        ),
        max_size=25,
    ),
    st.sampled_from(e.LotMethod),
)
def test_cash_is_what_was_received_less_what_was_spent(draws: list[Draw], method: e.LotMethod) -> None:
    story = begin(method, shorts=True)
    for number, draw in enumerate(draws):
        story.tell(made(draw, number))
    book = story.keeper.book()
    kept = {
        (name, currency): amount
        for (_, name), held in book.portfolios.items()
        for currency, amount in held.cash.items()
    }
    assert kept == witness_cash(story.events)


@given(st.lists(fills, min_size=10, max_size=40), st.sampled_from(e.LotMethod))
def test_gains_are_proceeds_less_costs_and_trips_tell_them_too(draws: list[Draw], method: e.LotMethod) -> None:
    story = begin(method, shorts=True)
    for number, draw in enumerate(draws):
        story.tell(made(draw, number))
    for name in PORTFOLIOS:
        held = story.keeper.book().portfolio(U, name)
        for closing in held.closings:
            assert closing.gain == closing.proceeds - closing.cost
        by_currency: dict[str, Decimal] = {}
        for closing in held.closings:
            by_currency[closing.currency] = by_currency.get(closing.currency, ZERO) + (closing.gain or ZERO)
        assert {c: gain for c, gain in held.realized.items() if gain} == {
            c: gain for c, gain in by_currency.items() if gain
        }
        flat = [symbol for symbol in "ABXOP" if symbol not in held.positions]
        for symbol in flat:
            told = sum((trip.profit for trip in held.round_trips if trip.symbol == symbol), ZERO)
            assert told == sum((closing.gain or ZERO for closing in held.closings if closing.symbol == symbol), ZERO)


@given(st.lists(fills, min_size=5, max_size=25), st.sampled_from(e.LotMethod))
def test_the_method_moves_gains_in_time_and_never_makes_any(draws: list[Draw], method: e.LotMethod) -> None:
    """Once everything is sold, every method has realized the same."""
    results = []
    for tried in (e.LotMethod.FIFO, method):
        story = begin(tried, shorts=True)
        for number, draw in enumerate(draws):
            assert story.tell(made(draw, number))
        close_everything(story)
        results.append({name: book.realized for (_, name), book in story.keeper.book().portfolios.items()})
    assert results[0] == results[1]


def close_everything(story: Story) -> None:
    number = 10_000
    for (_, name), held in story.keeper.book().portfolios.items():
        for symbol, position in held.positions.items():
            number += 1
            fields: dict[str, Any] = {
                "account": U,
                "portfolio": name,
                "symbol": symbol,
                "order_id": "o",
                "side": Side.SELL if position.quantity > 0 else Side.BUY,
                "quantity": abs(position.quantity),
                "price": Decimal(100),
                "commission": story.events[2].amount - story.events[2].amount,  # type: ignore[attr-defined]  # nothing, in USD
            }
            assert story.tell(made((e.Filled, fields), number))


# ---------------------------------------------------------------- order, splits, corrections


def essence(book: Book) -> object:
    """A book without the order in which independent things happened."""
    return {
        key: (
            held.cash,
            held.pending,
            held.positions,
            held.balances,
            held.commissions,
            Counter(held.round_trips),
            Counter(held.closings),
        )
        for key, held in book.portfolios.items()
    }


@given(st.lists(st.lists(fills, min_size=2, max_size=8), min_size=3, max_size=3), st.randoms(use_true_random=False))
def test_independent_events_commute(streams: list[list[Draw]], chance: Any) -> None:
    """Trades of different symbols may be interleaved in any way: the book is the same."""
    numbered = []
    for place, (symbol, stream) in enumerate(zip("ABX", streams, strict=True)):
        fee = {"X": "EUR"}.get(symbol, "USD")
        numbered.append(
            [
                made(
                    (
                        e.Filled,
                        fields
                        | {
                            "symbol": symbol,
                            "commission": type(fields["commission"])(fields["commission"].amount, fee),
                        },
                    ),
                    100 * place + n,
                )
                for n, (_, fields) in enumerate(stream)
            ]
        )
    opening = begin(e.LotMethod.FIFO, shorts=True).events
    straight = [each for stream in numbered for each in stream]
    shuffled = []
    waiting = [list(stream) for stream in numbered if stream]
    while waiting:
        stream = chance.choice(waiting)
        shuffled.append(stream.pop(0))
        waiting = [each for each in waiting if each]
    assert essence(fold(opening + straight)) == essence(fold(opening + shuffled))


@given(stories(), st.sampled_from([(4, 1), (3, 2), (1, 3), (1, 20), (21, 20)]))
def test_a_split_changes_no_value_and_no_gain(story: Story, ratio: tuple[int, int]) -> None:
    before = story.keeper.book()
    new, old = map(Decimal, ratio)
    if not story.tell(e.Split(event_id="split", at=story.events[-1].at, symbol="A", new=new, old=old)):
        return
    after = story.keeper.book()
    for key, held in before.portfolios.items():
        then = after.portfolios[key]
        assert (then.cash, then.balances) == (held.cash, held.balances)
        if "A" in held.positions:
            position, changed = held.positions["A"], then.positions["A"]
            assert abs(changed.quantity - position.quantity * new / old) <= Decimal("0.5e-8")
            assert (changed.cost, changed.paid, changed.opened_at) == (position.cost, position.paid, position.opened_at)
            if position.mark and changed.mark:
                moved = changed.value(changed.mark) - position.value(position.mark)
                assert abs(moved) <= position.mark * old / new * Decimal("0.5e-8") + Decimal("1e-15")


@given(st.lists(fills, min_size=1, max_size=15), st.integers(0, 14), fills, st.booleans())
def test_a_corrected_journal_gives_the_book_of_the_right_one(
    draws: list[Draw], place: int, better: Draw, busted: bool
) -> None:
    place %= len(draws)
    shape, fields = draws[place]
    quantity = ZERO if busted else better[1]["quantity"]
    fixed = fields | {"quantity": better[1]["quantity"], "price": better[1]["price"]}
    right, wrong = begin(e.LotMethod.FIFO, shorts=True), begin(e.LotMethod.FIFO, shorts=True)
    for number, draw in enumerate(draws):
        wrong.tell(made(draw, number))
        if number != place or not busted:
            right.tell(made((shape, fixed) if number == place else draw, number))
    correction = e.FillCorrected(
        event_id="fix",
        at=wrong.events[-1].at,
        execution_id="fix",
        corrects=f"x-{place}",
        quantity=quantity,
        price=fixed["price"],
        commission=fields["commission"],
    )
    assert wrong.tell(correction)
    kept, meant = essence(wrong.keeper.book()), essence(right.keeper.book())
    assert kept == meant or busted, "a bust leaves accounts behind in which nothing is"
    if busted:
        assert _worth(wrong.keeper.book()) == _worth(right.keeper.book())
    check_replay(wrong)


def _worth(book: Book) -> object:
    return {
        key: (
            {currency: cash for currency, cash in held.cash.items() if cash},
            held.positions,
            {name: balance for name, balance in held.balances.items() if balance},
            list(held.closings),
        )
        for key, held in book.portfolios.items()
        if any(held.balances.values()) or held.positions or held.closings
    }


def test_a_fill_that_is_drawn_can_be_refused() -> None:
    """The generator reaches refusals: without them the properties above would prove less than they say."""
    story = begin(e.LotMethod.FIFO, shorts=False)
    sold = {
        "side": Side.SELL,
        "quantity": Decimal(1),
        "price": Decimal(1),
        "symbol": "A",
        "account": U,
        "portfolio": "",
    }
    with pytest.raises(LedgerError):
        story.keeper.apply(made((e.Filled, sold | {"order_id": "", "commission": story.events[2].amount}), 0))  # type: ignore[attr-defined]  # a deposit's amount


@pytest.mark.prove
def test_ten_thousand_stories_keep_their_books(evidence: Evidence) -> None:
    counted: Counter[str] = Counter()

    @settings(max_examples=10_000, deadline=None, derandomize=True, database=None)
    @given(stories(60))
    def run(story: Story) -> None:
        book = story.keeper.book()
        check_balance(book)
        check_lots(book)
        check_replay(story)
        counted["stories"] += 1
        counted["events"] += len(story.events)
        counted["refused"] += story.refused

    run()
    evidence(**counted, violations=0)
