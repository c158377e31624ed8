"""Anything that can happen, in any order: event sequences for properties.

Events are drawn without regard to what is held. What the books refuse is left out, after making sure that the refusal
changed nothing, so that what remains is a journal that could have been.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from bursar.domain import events as e
from bursar.domain.orders import Side
from bursar.errors import LedgerError
from bursar.ledger.book import Bookkeeper
from tests.ledger.tale import MAIN, Tale, U, money

PORTFOLIOS = (MAIN, "other", "")
CURRENCY_OF = {"A": "USD", "B": "USD", "C": "USD", "X": "EUR", "O": "USD", "P": "USD"}

quantities = st.one_of(
    st.integers(1, 12).map(Decimal), st.integers(1, 200).map(Decimal), st.decimals("0.0001", "50", places=4)
)
prices = st.decimals("0.01", "500", places=2)
fees = st.decimals(0, "5", places=4)
amounts = st.decimals("-500", "500", places=2)
symbols = st.sampled_from(["A", "B", "X", "O", "P"])
shares = st.sampled_from(["A", "B", "X"])
portfolios = st.sampled_from((MAIN, MAIN, MAIN, *PORTFOLIOS))
tags = st.sampled_from(["", "slow", "fast"])

Draw = tuple[type[e.Event], dict[str, Any]]


def _here(shape: type[e.Event], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Draw]:
    return st.fixed_dictionaries({"account": st.just(U), **fields}).map(lambda drawn: (shape, drawn))


def _in_currency(shape: type[e.Event], wanted: st.SearchStrategy[str], **fields: Any) -> st.SearchStrategy[Draw]:
    """Fields whose amounts are in the currency of the symbol that is drawn."""

    def with_currency(drawn: dict[str, Any]) -> Draw:
        currency = CURRENCY_OF[drawn["symbol"]]
        return shape, {
            name: money(value, currency)
            if name in ("commission", "amount", "withheld", "cost_basis") and value is not None
            else value
            for name, value in drawn.items()
        }

    return st.fixed_dictionaries({"account": st.just(U), "symbol": wanted, **fields}).map(with_currency)


def _fills() -> st.SearchStrategy[Draw]:
    return _in_currency(
        e.Filled,
        symbols,
        portfolio=portfolios,
        order_id=st.just("o-1"),
        side=st.sampled_from(Side),
        quantity=quantities,
        price=prices,
        commission=fees,
        strategy=tags,
        settles_on=st.sampled_from([None, date(2021, 1, 6), date(2021, 1, 7)]),
    )


def _signed_adoption(draw: Draw) -> Draw:
    shape, fields = draw
    if fields["cost_basis"] is not None and fields["quantity"] < 0:
        fields["cost_basis"] = -fields["cost_basis"]
    return shape, fields


def _merger() -> st.SearchStrategy[Draw]:
    ratio, cash, price = st.sampled_from(["0.5", "1", "2.4"]), st.decimals(0, 20, places=2), prices
    return st.tuples(ratio, cash, price).map(
        lambda drawn: (
            e.Merged,
            {"symbol": "B", "into": "C", "ratio": Decimal(drawn[0]), "cash": money(drawn[1]), "price": drawn[2]},
        )
    )


def _cash_merger() -> st.SearchStrategy[Draw]:
    return prices.map(
        lambda cash: (e.Merged, {"symbol": "B", "into": "", "ratio": Decimal(0), "cash": money(cash), "price": None})
    )


def _conversions() -> st.SearchStrategy[Draw]:
    some = st.decimals("0.01", 500, places=2)
    return st.tuples(some, some, fees, portfolios, st.booleans()).map(
        lambda drawn: (
            e.CurrencyConverted,
            {
                "account": U,
                "portfolio": drawn[3],
                "sold": money(drawn[0], "USD" if drawn[4] else "EUR"),
                "bought": money(drawn[1], "EUR" if drawn[4] else "USD"),
                "commission": money(drawn[2]),
            },
        )
    )


def _fixed(shape: type[e.Event], *choices: dict[str, Any]) -> st.SearchStrategy[Draw]:
    return st.sampled_from(choices).map(lambda fields: (shape, fields))


marks = st.tuples(st.dictionaries(st.sampled_from(list(CURRENCY_OF)), prices), st.decimals("0.8", "1.3", places=4)).map(
    lambda drawn: (e.Marked, {"prices": drawn[0], "rates": {"EUR": drawn[1]}, "official": True})
)

fills = _fills()
others: st.SearchStrategy[Draw] = st.one_of(
    marks,
    _here(e.Deposited, portfolio=portfolios, amount=amounts.map(money)),
    _here(e.FeeCharged, portfolio=portfolios, amount=amounts.map(money), what=st.just("fee")),
    _here(e.InterestPaid, portfolio=portfolios, amount=amounts.map(lambda a: money(a, "EUR"))),
    _here(e.CashMoved, from_portfolio=portfolios, to_portfolio=portfolios, amount=amounts.map(money)),
    _conversions(),
    _in_currency(
        e.DividendPaid, shares, portfolio=portfolios, amount=amounts, withheld=fees, income=st.sampled_from(e.Income)
    ),
    _in_currency(
        e.PositionAdopted,
        shares,
        portfolio=portfolios,
        quantity=quantities | quantities.map(lambda quantity: -quantity),
        cost_basis=st.none() | st.decimals("0.01", 900, places=2),
        acquired=st.sampled_from([None, date(2019, 5, 6), date(2020, 12, 31)]),
    ).map(_signed_adoption),
    _here(e.PositionReleased, portfolio=portfolios, symbol=shares, quantity=quantities),
    _here(e.PositionMoved, from_portfolio=portfolios, to_portfolio=portfolios, symbol=shares, quantity=quantities),
    _fixed(
        e.Split,
        *({"symbol": s, "new": Decimal(n), "old": Decimal(o)} for s in "AX" for n, o in ((4, 1), (1, 3), (21, 20))),
    ),
    _fixed(e.SpunOff, {"symbol": "A", "child": "C", "ratio": Decimal("0.2401"), "basis_fraction": Decimal("0.137")}),
    _merger(),
    _cash_merger(),
    _fixed(e.SymbolChanged, {"symbol": "A", "new_symbol": "B"}, {"symbol": "C", "new_symbol": "A"}),
    _in_currency(
        e.FractionPaid, shares, portfolio=portfolios, quantity=st.decimals("0.01", "0.99", places=2), amount=amounts
    ),
    _here(
        e.OptionEnded,
        portfolio=portfolios,
        symbol=st.sampled_from(["O", "P"]),
        quantity=st.integers(1, 5).map(Decimal),
        how=st.sampled_from(e.OptionEnd),
        cash=st.none() | amounts.map(money),
    ),
)
#: Half of what happens is trading.
happenings: st.SearchStrategy[Draw] = st.booleans().flatmap(lambda trading: fills if trading else others)


@dataclass
class Story:
    """A journal that could have been, and the Bookkeeper that has read it."""

    events: list[e.Event] = field(default_factory=list)
    keeper: Bookkeeper = field(default_factory=Bookkeeper)
    refused: int = 0

    def tell(self, event: e.Event) -> bool:
        """Take ``event`` in, unless the books refuse it; a refusal changes nothing."""
        before = self.keeper.book()
        try:
            self.keeper.apply(event)
        except LedgerError as error:
            refusal = error
        else:
            self.events.append(event)
            return True
        assert refusal.sequence == len(self.events) + 1
        assert self.keeper.book() == before, f"{event} was refused and changed the book"
        self.refused += 1
        return False


def begin(method: e.LotMethod, *, shorts: bool) -> Story:
    from bursar.domain.instruments import OptionRight

    tale = Tale(method, shorts=shorts).list("B").list("C").list("X", "EUR").deposit(50_000, "EUR")
    tale.list_option("O", OptionRight.CALL, 100).list_option("P", OptionRight.PUT, 100)
    story = Story()
    for event in tale.events:
        assert story.tell(event)
    return story


def made(draw: Draw, number: int) -> e.Event:
    """The event of a draw, with an id, a moment and, for a fill, an execution."""
    shape, fields = draw
    extra: dict[str, Any] = {"execution_id": f"x-{number}"} if shape is e.Filled else {}
    return shape(event_id=f"h-{number}", at=Tale().at + timedelta(hours=5 * number), **fields, **extra)


@st.composite
def stories(draw: Callable[..., Any], most: int = 25) -> Story:
    """A story of ``most`` happenings, or of fewer: a list of its own accord is too short for anything to be held."""
    story = begin(draw(st.sampled_from(e.LotMethod)), shorts=draw(st.sampled_from([True, True, False])))
    least = draw(st.sampled_from([0, most // 2, most]))
    for number, happening in enumerate(draw(st.lists(happenings, min_size=least, max_size=most))):
        story.tell(made(happening, number))
    return story
