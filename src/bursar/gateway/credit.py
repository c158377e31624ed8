"""What an account can carry: where it stands, what an order would take, and why it is refused.

A cash account cannot owe: a purchase needs its money and a sale its shares, both net of what other working orders
hold back. Where shorts are allowed, cash worth 150 % of what is short stays blocked (Regulation T).

A margin account may owe as long as its equity covers the initial margin of what it would then hold, together with what
its other working orders would need; who only makes a position smaller may always do so.

Positions are taken at their last prints, in the account's currency. A purchase in another currency needs that currency
in a cash account, and borrows it in a margin account; pairs of currencies are exchanged at once, as at IDEALPRO.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from bursar.domain.instruments import Instrument, InstrumentKind
from bursar.domain.market import Quote
from bursar.domain.money import ZERO
from bursar.gateway.account import SHORT_REQUIREMENT, Account
from bursar.gateway.checks import Refusal, no_money, no_shares
from bursar.gateway.commands import Place
from bursar.gateway.fees import ConversionFee, FeeSchedule
from bursar.gateway.locates import LOCATE, Locates
from bursar.gateway.margin import Requirement, Standing, requirement
from bursar.gateway.notices import Executed, Order, WhatIf
from bursar.gateway.world import World

ONE = Decimal(1)


class Credit:
    """Judges orders by the latest ``quotes``, which whoever owns them keeps up to date."""

    def __init__(
        self,
        world: World,
        fees: FeeSchedule,
        quotes: Mapping[str, Quote],
        currency: str = "USD",
        conversion: ConversionFee | None = None,
        locates: Locates | None = None,
    ) -> None:
        self._listed = world.listed
        self._fees = fees
        self._quotes = quotes
        self._currency = currency
        self._conversion = conversion or ConversionFee()
        self._locates = locates or Locates(None, {})
        self.currencies = _payable(world.instruments, currency)
        self._abroad = {each.symbol: each.currency for each in world.instruments if each.currency != currency}

    # ------------------------------------------------------------ prices

    def price(self, symbol: str) -> Decimal:
        """What one of ``symbol`` is worth: its last print, times the multiplier; zero before any."""
        quote = self._quotes.get(symbol)
        return ((quote.last if quote else None) or ZERO) * self._listed[symbol].multiplier

    def rate(self, currency: str) -> Decimal | None:
        """Units of the accounts' currency for one of ``currency``; None where no pair of the two has a price."""
        if currency == self._currency:
            return ONE
        for pair, inverse in ((f"{currency}.{self._currency}", False), (f"{self._currency}.{currency}", True)):
            quote = self._quotes.get(pair)
            if quote is not None and quote.last:
                return ONE / quote.last if inverse else quote.last
        return None

    def value(self, symbol: str) -> Decimal:
        """What one of ``symbol`` is worth in the accounts' currency."""
        price = self.price(symbol)
        return price * (self.rate(self._abroad[symbol]) or ZERO) if symbol in self._abroad else price

    def worth(self, quantities: Mapping[str, Decimal]) -> Decimal:
        """Positions at their last prints, shorts below zero."""
        return sum((quantity * self.value(symbol) for symbol, quantity in quantities.items()), ZERO)

    def gross(self, quantities: Mapping[str, Decimal]) -> Decimal:
        """Positions at their last prints, shorts counted like longs."""
        return self.worth({symbol: abs(quantity) for symbol, quantity in quantities.items()})

    def total_cash(self, account: Account) -> Decimal:
        """All balances, in the account's currency."""
        if not account.foreign:
            return account.cash
        return account.cash + sum(
            (amount * (self.rate(currency) or ZERO) for currency, amount in account.foreign.items()), ZERO
        )

    # ------------------------------------------------------------ where an account stands

    def net_liquidation(self, account: Account) -> Decimal:
        """Cash and positions at their last prints."""
        return self.total_cash(account) + self.worth(account.quantities)

    def requirement(self, account: Account, quantities: Mapping[str, Decimal]) -> Requirement:
        """What ``quantities`` would need of ``account``: their value, where it does not borrow."""
        if account.margin is None:
            gross = self.gross(quantities)
            return Requirement(initial=gross, maintenance=gross)
        return requirement(account.margin, ((each, self.value(symbol)) for symbol, each in quantities.items()))

    def standing(self, account: Account) -> Standing:
        """Where ``account`` stands."""
        quantities = account.quantities
        equity, needs = self.net_liquidation(account), self.requirement(account, quantities)
        held, gross = account.held_cash(), self.gross(quantities)
        if account.margin is None:
            available = self.available_cash(account)
            excess, power = available, max(available, ZERO)
        else:
            available, excess = equity - needs.initial - held, equity - needs.maintenance
            power = max(available, ZERO) / (account.margin.initial_long if equity >= account.margin.equity_min else 1)
        return Standing(
            equity=equity,
            gross=gross,
            initial=needs.initial,
            maintenance=needs.maintenance,
            held=held,
            available=available,
            excess=excess,
            power=power,
        )

    def available_cash(self, account: Account, besides: int = 0) -> Decimal:
        """What a new order may use; the order with permId ``besides`` holds nothing back.

        Of a margin account it is equity beyond initial margin.
        """
        if account.margin is not None:
            needs = self.requirement(account, account.quantities)
            return self.net_liquidation(account) - needs.initial - account.held_cash(besides)
        return self.total_cash(account) - account.held_cash(besides) - SHORT_REQUIREMENT * self.worth(account.shorts)

    # ------------------------------------------------------------ orders

    def notional(self, request: Place, quantity: Decimal) -> Decimal:
        """Money that ``quantity`` would change hands for, as far as is known: at its limit, else at the far side."""
        multiplier = self._listed[request.symbol].multiplier
        if request.lmt_price is not None:
            return quantity * request.lmt_price * multiplier
        quote = self._quotes.get(request.symbol)
        far = (quote.ask if request.action == "BUY" else quote.bid) if quote else None
        return quantity * (self.price(request.symbol) if far is None else far * multiplier)

    def commission(self, account: Account, request: Place, quantity: Decimal, day: date) -> Decimal:
        """What trading ``quantity`` in one go would be charged."""
        multiplier = self._listed[request.symbol].multiplier
        return self.charge(account, request, quantity, self.notional(request, quantity) / multiplier, day)

    def charge(
        self,
        account: Account,
        request: Place,
        quantity: Decimal,
        value: Decimal,
        day: date,
        besides: Decimal = ZERO,
    ) -> Decimal:
        """What an order of ``quantity`` is charged in all; ``value`` is price times quantity.

        besides  what of it is filled already, and so counted among the shares of the month
        """
        instrument = self._listed[request.symbol]
        notional = value * instrument.multiplier
        if instrument.kind is InstrumentKind.CURRENCY:
            return self._conversion.charge(notional * (self.rate(instrument.currency) or ZERO))
        return self._fees.charge(request.action, quantity, notional, day, account.traded(day) - besides)

    def charged_in(self, account: Account, request: Place) -> str:
        """The currency of a commission: that of the shares; for an exchange of currencies the account's own."""
        instrument = self._listed[request.symbol]
        return account.currency if instrument.kind is InstrumentKind.CURRENCY else instrument.currency

    def refusal(self, account: Account, request: Place, quantity: Decimal, day: date, perm_id: int) -> Refusal | None:
        """Why ``account`` cannot carry ``quantity`` of ``request``, besides what its order already holds."""
        instrument = self._listed[request.symbol]
        if instrument.kind is InstrumentKind.CURRENCY:
            return self._cannot_convert(account, request, instrument, quantity, day, perm_id)
        if account.margin is not None:
            return self._beyond_margin(account, request, quantity, day, perm_id)
        if instrument.currency != account.currency:
            return self._cannot_pay_abroad(account, request, instrument, quantity, day, perm_id)
        notional = self.notional(request, quantity)
        if request.action == "BUY":
            available = self._available_here(account, perm_id)
            if account.faith is not None and account.faith.restricted(day):
                available = min(available, account.settled_cash - account.held_cash(perm_id))
            cost = notional + self.commission(account, request, quantity, day)
            covered = min(quantity, max(-account.position(request.symbol).quantity, ZERO))
            needed = cost - SHORT_REQUIREMENT * self.worth({request.symbol: covered}) if covered else cost
            # Who only covers a short makes things safer, and may do so with whatever cash there is.
            safer = covered == quantity and cost <= account.cash
            return None if safer or needed <= available else no_money(available, needed, account.currency)
        short = quantity - account.available_shares(request.symbol, perm_id)
        if short <= 0:
            return None
        if not account.shorts_allowed:
            return no_shares()
        # The proceeds stay blocked, so what must be there already is the half on top.
        needed = (SHORT_REQUIREMENT - 1) * notional * short / quantity
        available = self._available_here(account, perm_id)
        if needed > available:
            return no_money(available, needed, account.currency)
        return self._locates.refusal(request.symbol, min(short, quantity), day, perm_id)

    def _available_here(self, account: Account, besides: int) -> Decimal:
        """What a new order may use of the account's own currency: what is abroad pays for nothing here."""
        available = self.available_cash(account, besides)
        return available + account.cash - self.total_cash(account) if account.foreign else available

    def hold(self, account: Account, order: Order, day: date) -> None:
        """Let ``order`` hold back what is left of it may use, and nothing once it ended."""
        request, left = order.request, order.remaining
        short = ZERO
        if not order.ended and request.action == "SELL" and order.why_held != LOCATE:
            short = left - max(account.available_shares(request.symbol, order.perm_id), ZERO)
        self._locates.promise(order.perm_id, request.symbol, short)
        if order.ended:
            account.release(order.perm_id)
            return
        shares = left if request.action == "SELL" else ZERO
        instrument = self._listed[request.symbol]
        if instrument.kind is InstrumentKind.CURRENCY:
            currency, amount = self._given(request, instrument, left)
            cash = amount if account.margin is None else ZERO
            account.hold(order.perm_id, cash=cash, currency=currency)
        elif account.margin is not None:
            account.hold(
                order.perm_id,
                cash=max(self._taken(account, request, left, day, order.perm_id), ZERO),
                symbol=request.symbol,
                shares=shares,
            )
        elif request.action == "BUY":
            cash = self.notional(request, left) + self.commission(account, request, left, day)
            account.hold(order.perm_id, cash=cash, currency=instrument.currency)
        else:
            account.hold(order.perm_id, symbol=request.symbol, shares=shares)

    def book(
        self,
        account: Account,
        request: Place,
        quantity: Decimal,
        price: Decimal,
        commission: Decimal,
        *,
        day: date,
        settles: date,
    ) -> Decimal | None:
        """Let ``account`` take in an execution of ``request``; the profit that it realized, or None."""
        instrument = self._listed[request.symbol]
        notional = quantity * price * instrument.multiplier
        bought = request.action == "BUY"
        if instrument.kind is not InstrumentKind.CURRENCY:
            if account.faith is not None and bought:
                account.faith.bought(
                    request.symbol, quantity, notional + commission, account.settled_cash, account.proceeds_due
                )
            elif account.faith is not None:
                account.faith.sold(request.symbol, quantity, account.position(request.symbol).quantity, day)
            account.trade(day, quantity)
        return _take_in(account, instrument, quantity if bought else -quantity, notional, commission, settles)

    def rebook(
        self, account: Account, before: Executed, after: Executed, charges: tuple[Decimal, Decimal], settles: date
    ) -> Decimal | None:
        """Let ``account`` give an execution back and take it in as it was corrected, with what either was charged."""
        instrument, sign = self._listed[before.symbol], 1 if before.side == "BOT" else -1
        realized = None
        for executed, signed, charged in ((before, -sign, -charges[0]), (after, sign, charges[1])):
            if executed.shares:
                notional = executed.shares * executed.price * instrument.multiplier
                realized = _take_in(account, instrument, signed * executed.shares, notional, charged, settles)
        return realized if after.shares else None

    def what_if(self, account: Account, request: Place, day: date) -> WhatIf:
        """What ``request`` would cost and leave."""
        before = account.quantities
        signed = request.total_quantity if request.action == "BUY" else -request.total_quantity
        after = {**before, request.symbol: before.get(request.symbol, ZERO) + signed}
        commission, equity = (
            self.commission(account, request, request.total_quantity, day),
            self.net_liquidation(account),
        )
        if self._listed[request.symbol].kind is InstrumentKind.CURRENCY:
            after = before
        needs, then = self.requirement(account, before), self.requirement(account, after)
        return WhatIf(
            commission=commission,
            currency=account.currency,
            margin_before=needs.initial,
            margin_after=then.initial,
            maintenance_before=needs.maintenance,
            maintenance_after=then.maintenance,
            equity_before=equity,
            equity_after=equity - commission,
        )

    # ------------------------------------------------------------ margin accounts

    def _taken(self, account: Account, request: Place, quantity: Decimal, day: date, perm_id: int) -> Decimal:
        """By how much ``quantity`` of ``request`` would lower what is available; below zero where it sets free."""
        assert account.margin is not None
        symbol, held = request.symbol, account.position(request.symbol).quantity
        # Shares that other orders are about to sell are as good as sold: two sales of one position open a short.
        begins = held if request.action == "BUY" or held <= 0 else account.available_shares(symbol, perm_id)
        ends = begins + (quantity if request.action == "BUY" else -quantity)
        price, rate = self.value(symbol), self.rate(self._listed[symbol].currency) or ZERO
        notional = self.notional(request, quantity) * rate
        needs = [requirement(account.margin, [(each, price or notional / quantity)]) for each in (begins, ends)]
        # Bought above the last print, or sold below it, a position is at once worth less than it cost.
        lost = notional - quantity * price if request.action == "BUY" else quantity * price - notional
        charged = self.commission(account, request, quantity, day) * rate
        return needs[1].initial - needs[0].initial + max(lost if price else ZERO, ZERO) + charged

    def _beyond_margin(
        self, account: Account, request: Place, quantity: Decimal, day: date, perm_id: int
    ) -> Refusal | None:
        """Why equity does not cover what ``account`` would hold."""
        assert account.margin is not None
        if self.rate(self._listed[request.symbol].currency) is None:
            return _no_rate(self._listed[request.symbol].currency, account.currency)
        held = account.position(request.symbol).quantity
        if request.action == "BUY" and 0 < quantity <= -held:
            return None
        if request.action == "SELL" and 0 < quantity <= account.available_shares(request.symbol, perm_id):
            return None
        equity = self.net_liquidation(account)
        taken, available = self._taken(account, request, quantity, day, perm_id), self.available_cash(account, perm_id)
        if taken > available:
            return beyond_margin(equity, equity - available + taken, account.currency)
        leveraged = request.action == "SELL" or self.notional(request, quantity) > account.cash
        if leveraged and equity < account.margin.equity_min:
            return below_minimum(equity, account.margin.equity_min, account.currency)
        short = quantity - max(account.available_shares(request.symbol, perm_id), ZERO)
        if request.action == "SELL" and short > 0:
            return self._locates.refusal(request.symbol, short, day, perm_id)
        return None

    # ------------------------------------------------------------ other currencies

    def _given(self, request: Place, pair: Instrument, quantity: Decimal) -> tuple[str, Decimal]:
        """The currency that an exchange gives away, and how much of it."""
        if request.action == "BUY":
            return pair.currency, self.notional(request, quantity)
        return _of_pair(pair), quantity

    def _cannot_convert(
        self, account: Account, request: Place, pair: Instrument, quantity: Decimal, day: date, perm_id: int
    ) -> Refusal | None:
        if any(self.rate(currency) is None for currency in (_of_pair(pair), pair.currency)):
            return _no_rate(_of_pair(pair), account.currency)
        currency, needed = self._given(request, pair, quantity)
        if account.margin is not None:
            # What is borrowed in one currency lies there in the other, so that equity pays for the charge alone.
            charged, available = self.commission(account, request, quantity, day), self.available_cash(account, perm_id)
            return None if charged <= available else no_money(available, charged, account.currency)
        available = account.balance(currency) - account.held_cash(perm_id, currency)
        return None if needed <= available else no_money(available, needed, currency)

    def _cannot_pay_abroad(
        self, account: Account, request: Place, instrument: Instrument, quantity: Decimal, day: date, perm_id: int
    ) -> Refusal | None:
        """A cash account pays in the currency of what it buys, which it must have."""
        if self.rate(instrument.currency) is None:
            return _no_rate(instrument.currency, account.currency)
        if request.action == "SELL":
            return no_shares() if quantity > account.available_shares(request.symbol, perm_id) else None
        needed = self.notional(request, quantity) + self.commission(account, request, quantity, day)
        available = account.balance(instrument.currency) - account.held_cash(perm_id, instrument.currency)
        return None if needed <= available else no_money(available, needed, instrument.currency)


def beyond_margin(equity: Decimal, needed: Decimal, currency: str) -> Refusal:
    """The refusal of what equity does not cover."""
    return 201, (
        "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR EQUITY "
        f"WITH LOAN VALUE [{equity:.2f} {currency}] MUST EXCEED THE INITIAL MARGIN [{needed:.2f} {currency}]"
    )


def below_minimum(equity: Decimal, least: Decimal, currency: str) -> Refusal:
    """The refusal of an account that is too small to borrow."""
    return 201, (
        f"Order rejected - reason:MINIMUM OF {least:.0f} {currency} (OR EQUIVALENT IN OTHER CURRENCIES) REQUIRED IN "
        f"ORDER TO PURCHASE ON MARGIN, SELL SHORT, TRADE CURRENCY OR FUTURE; THE EQUITY IS {equity:.2f} {currency}"
    )


def _take_in(
    account: Account, instrument: Instrument, signed: Decimal, notional: Decimal, commission: Decimal, settles: date
) -> Decimal | None:
    """Move shares and money, or money of two currencies; the profit that was realized, or None."""
    if instrument.kind is InstrumentKind.CURRENCY:
        pair = (_of_pair(instrument), abs(signed)), (instrument.currency, notional)
        bought, sold = pair if signed > 0 else pair[::-1]
        account.convert(bought, sold, commission)
        return None
    return account.book(instrument.symbol, signed, notional, commission, settles, instrument.currency)


def _payable(instruments: Iterable[Instrument], own: str) -> tuple[str, ...]:
    """The currencies that can be had: an account's own, and those that it can be exchanged for."""
    pairs = (each for each in instruments if each.kind is InstrumentKind.CURRENCY)
    legs = [(_of_pair(pair), pair.currency) for pair in pairs]
    others = (one if other == own else other for one, other in legs if own in (one, other))
    return tuple(dict.fromkeys((own, *others)))


def _of_pair(pair: Instrument) -> str:
    """The currency that a pair is the price of: EUR of EUR.USD."""
    return pair.symbol.partition(".")[0]


def _no_rate(currency: str, own: str) -> Refusal:
    return 201, f"Order rejected - reason:No exchange rate of {currency} to {own} is known."
