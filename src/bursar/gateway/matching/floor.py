"""The floor: what becomes of an order, from its acceptance to its end.

At each instant, and when it is new or was changed, an order is looked at in this order: is its last moment over, has
its time come and are its conditions true, was its stop reached, and what of it can be had. Orders are looked at in the
order in which they came; an order that another one made smaller, released or canceled is met as it then is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from bursar.domain.money import ZERO
from bursar.gateway.account import Account
from bursar.gateway.advisers import Advice
from bursar.gateway.checks import (
    AT_ONCE,
    STOPS,
    TRAILING,
    Refusal,
    good_till,
    too_late_for_the_auction,
    waits_until,
)
from bursar.gateway.commands import ByHand, Cancel, Doom, Place
from bursar.gateway.credit import Credit
from bursar.gateway.history import History
from bursar.gateway.matching import auctions, groups, triggers
from bursar.gateway.matching.admission import Admission
from bursar.gateway.matching.allocation import Allocation
from bursar.gateway.matching.deals import Deals
from bursar.gateway.matching.gates import Gates, gated
from bursar.gateway.matching.holds import Holds
from bursar.gateway.matching.hours import Hours
from bursar.gateway.matching.market import Market, within
from bursar.gateway.matching.orders import Orders
from bursar.gateway.notices import (
    CANCELLED,
    INACTIVE,
    PRE_SUBMITTED,
    SUBMITTED,
    Notice,
    Order,
    OrderOpened,
    Refused,
    StatusReported,
)
from bursar.gateway.terms import Terms
from bursar.gateway.world import World

#: The refusal that is none: the order is kept, and held for this reason, while shares to borrow are looked for.
LOCATING, LOCATE = 404, "locate"
#: Orders without a stop, an auction or an end of their own.
PLAIN, LASTING = frozenset({"MKT", "LMT"}), frozenset({"DAY", "GTC"})
#: What a trailing stop follows from, and what an order waits for: whoever changes it begins anew.
TRAIL = ("aux_price", "trailing_percent", "trail_stop_price", "lmt_price", "lmt_price_offset")
GATES = ("conditions", "good_after_time")


class Floor:
    """See the module. What it has to say it appends to ``notices``."""

    def __init__(
        self,
        world: World,
        terms: Terms,
        hours: Hours,
        market: Market,
        accounts: Mapping[str, Account],
        credit: Credit,
        history: History,
        notices: list[Notice],
        advice: Advice,
    ) -> None:
        self.orders = Orders(terms.seed)
        self.deals = Deals(world, credit, accounts, terms.seed)
        self._allocation = Allocation(advice, terms.adviser, accounts, credit, world.listed)
        self.admission = Admission(
            world.listed, frozenset(accounts), credit.currencies, hours, self.orders, self._allocation
        )
        self._listed = world.listed
        self.hours = hours
        self.market = market
        self._gates = Gates(hours, market, history, credit, accounts, self.deals)
        self._holds = Holds(credit, accounts, self.orders, world.listed)
        self.notices = notices
        self._released: list[int] = []
        self._doomed: dict[int, Refusal] = {}

    # ------------------------------------------------------------ told

    def place(self, request: Place) -> None:
        """Take in a new order, or the change of a working one of the same client and id."""
        known = self.orders.known(request.client_id, request.order_id)
        refusal = self.admission.refusal(request, known)
        if refusal:
            self.refuse(request, refusal)
        elif known:
            self._change(known, request)
        elif not request.transmit:
            self.orders.park(request)
        elif self.orders.any_parked:
            self._enter(sorted((*self.orders.unpark(request), request), key=lambda each: each.order_id))
        else:
            self._enter([request])

    def cancel(self, command: Cancel) -> None:
        """Take an order back, if it still works."""
        order = self.orders.known(command.client_id, command.order_id)
        if parked := self.orders.parked(command.client_id, command.order_id):
            self._drop(parked)
        elif order is None:
            text = f"OrderId {command.order_id} that needs to be cancelled is not found."
            self.refuse(command, (10147, text))
        elif order.ended:
            text = f"OrderId {command.order_id} that needs to be cancelled cannot be cancelled, state: {order.status}."
            self.refuse(command, (10148, text))
        elif self.admission.bound_to_auction(order.request):
            text = f"Cancel attempted when order is not in a cancellable state. Order permId = {order.perm_id}"
            self.refuse(command, (161, text))
        else:
            self.withdraw(order)

    def cancel_all(self) -> None:
        """Take back every order that still can be."""
        for parked in self.orders.untransmitted:
            if self.orders.parked(parked.client_id, parked.order_id):
                self._drop(parked)
        for order in self.orders.working:
            if not self.orders[order.perm_id].ended and not self.admission.bound_to_auction(order.request):
                self.withdraw(self.orders[order.perm_id])

    def doom(self, command: Doom) -> None:
        """Refuse the next new order of a client."""
        self._doomed[command.client_id] = (command.code, command.text)

    def moved(self) -> None:
        """Let the quotes of the present instant become the market, open or shut, and match what rests."""
        hours, quotes = self.hours, self.hours.quotes
        if hours.open:
            self.market.take(quotes)
            self.market.halt(hours.halted)
            self._look_at_all()
            return
        self.market.see(quotes)
        self.market.shut()
        if hours.now == hours.session.close:
            self._hold_closing_auction()
        elif quotes:
            self.market.take(quotes)
        self._look_at_all()
        if hours.now == hours.session.close or hours.day_ends:
            self._expire()

    def unaffordable(self, request: Place) -> Refusal | None:
        """Why its account could not carry ``request``, if it were placed now."""
        order = Order(request=request, perm_id=0, status=PRE_SUBMITTED, placed_at=self.hours.now)
        return self._unaffordable(order, request.total_quantity)

    # ------------------------------------------------------------ entering and changing

    def _enter(self, requests: list[Place]) -> None:
        """Accept ``requests`` one by one, and only then look what the market has for them."""
        accepted = [order for request in requests if (order := self._accept(request))]
        for order in accepted:
            self._look_at(order.perm_id)
        self._look_at_released()

    def _accept(self, request: Place) -> Order | None:
        """Give a valid request its permId; None for one that is refused for want of money, shares or a parent."""
        plain = request.order_type in PLAIN and request.tif in LASTING and not gated(request)
        at_once = plain and self.hours.open and not request.parent_id
        order = self.orders.taken(request, SUBMITTED if at_once else PRE_SUBMITTED, self.hours.now)
        parent = self.orders.known(request.client_id, request.parent_id) if request.parent_id else None
        if request.parent_id or request.oca_group:
            order = groups.attached(order, parent, self._listed[request.symbol])
        if isinstance(request, ByHand):
            order = replace(order, bound=False)
        if request.fa_group:
            order = replace(order, parts=self._allocation.parts(request))
        refusal = self._doomed.pop(request.client_id, None) or self.admission.comes_late(order, parent)
        if refusal is None and order.workable > 0:
            refusal = self._unaffordable(order, order.workable)
        if refusal and refusal[0] != LOCATING:
            self._end(order, INACTIVE, refusal)
            return None
        if request.conditions or gated(request):
            order = self._gates.set(order)
        order = self._standing(self._trailing(order), locating=bool(refusal))
        self._hold(self.orders.keep(order))
        self.report(order)
        if refusal:
            self.refuse(request, refusal)
        elif not self.hours.open and parent is None:
            self.refuse(request, waits_until(request, self.hours.upcoming))
        return order

    def _trailing(self, order: Order) -> Order:
        """``order`` with its trailing stop, if it has one, off the last print that is known."""
        latest = self.market.latest.get(order.request.symbol)
        if order.request.order_type not in TRAILING or order.released == ZERO or not latest or latest.last is None:
            return order
        return triggers.trailed(order, latest.last, self._listed[order.request.symbol])

    def _change(self, known: Order, request: Place) -> None:
        if self.admission.bound_to_auction(request):
            self.refuse(request, too_late_for_the_auction())
            return
        changed = replace(known, request=request)
        if _differ(known.request, request, TRAIL):
            changed = replace(changed, stop_price=None, limit_offset=None)
        if _differ(known.request, request, GATES):
            changed = self._gates.set(changed)
        changed = self._trailing(changed)
        refusal = self._unaffordable(changed, changed.workable) if changed.workable > 0 else None
        if refusal:
            self.refuse(request, refusal)
            return
        self._hold(self.orders.keep(changed))
        self.report(changed)
        self._look_at(changed.perm_id)
        self._look_at_released()

    def _drop(self, parked: Place) -> None:
        """Take back what was never transmitted, with those that would have been its children."""
        family = self.orders.unpark(parked)
        doomed = {parked.order_id}
        for request in (parked, *family):
            if request.order_id in doomed or request.parent_id in doomed:
                doomed.add(request.order_id)
                self._end(self.orders.taken(request, PRE_SUBMITTED, self.hours.now), CANCELLED, _canceled())
            else:
                self.orders.park(request)

    # ------------------------------------------------------------ looking at what rests

    def _look_at_all(self) -> None:
        for order in self.orders.working:
            if not self._only_rests(order):
                self._look_at(order.perm_id)
        self._released.clear()

    def _only_rests(self, order: Order) -> bool:
        """True for a plain limit order that nothing reaches: most are, at most instants."""
        request = order.request
        return (
            order.status == SUBMITTED
            and request.order_type == "LMT"
            and request.tif in LASTING
            and not request.conditions
            and not self.market.reaches(request)
        )

    def _look_at_released(self) -> None:
        """Children whose parent was just filled meet the market that filled it."""
        while self._released:
            self._look_at(self._released.pop(0))

    def _look_at(self, perm_id: int) -> None:
        """Let an order go on as far as it can at this instant."""
        order = self.orders[perm_id]
        if order.ended or (order.why_held == LOCATE and not self._located(order)):
            return
        request = order.request
        over = request.tif == "GTD" and self.hours.now >= good_till(request)
        if over or (request.conditions_cancel_order and request.conditions and self._gates.true(order)):
            self.withdraw(order)
            return
        order = self._woken(order)
        if order.status == SUBMITTED and self._trades(order) and not auctions.closes(request):
            self._match(order)

    def _located(self, order: Order) -> bool:
        """True when shares to borrow were found for ``order``, which else goes on waiting, or ends."""
        refusal = self._unaffordable(order, order.workable)
        if refusal and refusal[0] != LOCATING:
            self._end(order, INACTIVE, refusal)
        return refusal is None

    def _woken(self, order: Order) -> Order:
        """``order`` with what this instant makes true of it, told if that changes where it stands."""
        before = order
        if not order.met and order.released != ZERO and self._gates.true(order):
            order = replace(order, met=True)
        if order.request.order_type in STOPS and not order.elected and self._trades(order):
            order = self._triggered(order)
        order = self._standing(order)
        if order is not before:
            self.orders.keep(order)
        if (order.status, order.why_held) != (before.status, before.why_held):
            self.report(order)
        return order

    def _triggered(self, order: Order) -> Order:
        """``order`` after the last print: its stop follows it, or is reached by it."""
        last = self.market.last(order.request.symbol)
        if last is None or not order.met or order.released == ZERO:
            return order
        if order.request.order_type in TRAILING:
            order = triggers.trailed(order, last, self._listed[order.request.symbol])
        return replace(order, elected=True) if triggers.reached(order, last) else order

    def _standing(self, order: Order, *, locating: bool = False) -> Order:
        """``order`` with the status and the reason of waiting that it now has."""
        status, why = PRE_SUBMITTED, ""
        waits_for_stop = order.request.order_type in STOPS and not order.elected
        if order.released == ZERO:
            why = "child,trigger" if waits_for_stop else "child"
        elif locating:
            why = LOCATE
        elif waits_for_stop:
            why = "trigger"
        elif order.met and (order.status == SUBMITTED or self._trades(order)):
            status = SUBMITTED
        same = (status, why) == (order.status, order.why_held)
        return order if same else replace(order, status=status, why_held=why)

    def _trades(self, order: Order) -> bool:
        """True while the market that ``order`` is meant for is open."""
        request, hours = order.request, self.hours
        if auctions.opens(request):
            bell = hours.session.open
            cut_off = auctions.opening_cut_off(self._listed[request.symbol])
            return hours.now == bell and order.placed_at < bell and order.placed_at <= bell - cut_off
        if hours.open:
            return True
        plain = request.order_type != "MKT" and not auctions.closes(request)
        return request.outside_rth and plain and self.market.last(request.symbol) is not None

    # ------------------------------------------------------------ dealing

    def _match(self, order: Order) -> None:
        """Fill what the market gives of an order that is at the exchange."""
        request, instrument = order.request, self._listed[order.request.symbol]
        limit = triggers.limit_of(order)
        if auctions.opens(request):
            self._deal_in_auction(order, self.market.last(request.symbol))
        else:
            offers = self.market.offers(order, limit, instrument)
            if request.tif == "FOK" and sum((quantity for _, quantity in offers), ZERO) != order.remaining:
                offers = ()
            for price, quantity in offers:
                if not self.orders[order.perm_id].ended and self._deal(self.orders[order.perm_id], quantity, price):
                    self.market.deal(request, quantity, price)
        if request.tif in AT_ONCE and not self.orders[order.perm_id].ended:
            self.withdraw(self.orders[order.perm_id])

    def _hold_closing_auction(self) -> None:
        """Let the orders of the closing auction trade at the last print of the session."""
        prints = {quote.symbol: quote.last for quote in self.hours.quotes}
        for order in self.orders.working:
            order = self.orders[order.perm_id]
            if not order.ended and order.status == SUBMITTED and auctions.closes(order.request):
                self._deal_in_auction(order, prints.get(order.request.symbol))

    def _deal_in_auction(self, order: Order, price: Decimal | None) -> None:
        limit = order.request.lmt_price
        quantity = self.market.at_auction(order, self._listed[order.request.symbol])
        reaches = price is not None and (limit is None or within(price, limit, order.request.action))
        if price is not None and reaches and quantity > 0 and self._deal(order, quantity, price):
            self.market.dealt_at_auction(order.request.symbol, quantity)

    def _deal(self, order: Order, quantity: Decimal, price: Decimal) -> bool:
        """Fill ``quantity`` of ``order``, unless its account cannot carry it: then it ends, and this is False."""
        refusal = self._unaffordable(order, quantity)
        if refusal:
            self._end(order, CANCELLED if order.filled else INACTIVE, refusal)
            return False
        self.fill(order, quantity, price)
        return True

    def fill(self, order: Order, quantity: Decimal, price: Decimal) -> None:
        """Execute ``quantity`` of ``order``, whatever the market shows and the account has."""
        was_left = order.remaining
        hours = self.hours
        order, deals = self.deals.book(order, quantity, price, at=hours.now, day=hours.session.day)
        self._hold(self.orders.keep(order))
        self.notices += [executed for executed, _ in deals]
        self.report(order)
        self.notices += [report for _, report in deals]
        self._tell_children(order, quantity, was_left)
        self._tell_group(order, quantity, was_left)

    def _tell_children(self, parent: Order, filled: Decimal, was_left: Decimal) -> None:
        """Release as much of each child as was filled of its parent."""
        for child in self.orders.children(parent):
            grown = groups.released(child, filled, was_left, self._listed[child.request.symbol])
            if grown.released != child.released:
                grown = self._standing(grown)
                self._hold(self.orders.keep(grown))
                self.report(grown)
                self._released.append(child.perm_id)

    def _tell_group(self, order: Order, filled: Decimal, was_left: Decimal) -> None:
        """Cancel or reduce the others of the group in which ``order`` was filled."""
        others = self.orders.group(order.oca_group) if order.oca_group else ()
        for other in others:
            if other.perm_id == order.perm_id or self.orders[other.perm_id].ended:
                continue
            instrument = self._listed[other.request.symbol]
            cancels = order.oca_type == groups.CANCEL_ALL
            smaller = None if cancels else groups.reduced(other, filled, was_left, instrument)
            if smaller is None:
                self.withdraw(other)
            else:
                self._hold(self.orders.keep(smaller))
                self.report(smaller)

    # ------------------------------------------------------------ ending

    def withdraw(self, order: Order, reason: str = "") -> None:
        """End a working order as canceled."""
        self._end(order, CANCELLED, _canceled(reason))

    def _expire(self) -> None:
        """End the orders of the day: at the closing bell, or with the day those that may trade outside hours."""
        at_bell = self.hours.now == self.hours.session.close
        for order in self.orders.working:
            request = order.request
            due = self.hours.day_ends if request.outside_rth else at_bell
            if request.tif == "DAY" and due and not self.orders[order.perm_id].ended:
                self.withdraw(self.orders[order.perm_id])

    def _end(self, order: Order, status: str, why: Refusal) -> None:
        """Nothing more of ``order`` will trade, nor of its children what it did not release."""
        order = self.orders.end(order, status, self.hours.now)
        self._hold(order)
        self.refuse(order.request, why)
        self.report(order)
        for child in self.orders.children(order):
            if child.released is None:
                continue
            if child.released > child.filled:
                cut = self.orders.keep(groups.cut_to_released(child))
                self._hold(cut)
                self.report(cut)
            else:
                self.withdraw(child)

    # ------------------------------------------------------------ money, and saying

    def _unaffordable(self, order: Order, quantity: Decimal) -> Refusal | None:
        return self._holds.refusal(order, quantity, self.hours.session.day)

    def _hold(self, order: Order) -> None:
        self._holds.hold(order, self.hours.session.day)

    def restate(self, order: Order) -> None:
        """Keep ``order`` as a correction of its executions left it."""
        self._hold(self.orders.keep(order))

    def report(self, order: Order) -> None:
        """Tell ``order`` as it stands."""
        self.notices.append(OrderOpened(at=self.hours.now, order=order))
        self.notices.append(StatusReported(at=self.hours.now, order=order))

    def refuse(self, about: Place | Cancel, why: Refusal) -> None:
        """Say why ``about`` is not done, or what is to be known of it."""
        self.notices.append(self.refused(about, why))

    def refused(self, about: Place | Cancel, why: Refusal) -> Refused:
        """What would be said."""
        code, text = why
        return Refused(at=self.hours.now, client_id=about.client_id, order_id=about.order_id, code=code, text=text)


def _differ(one: Place, other: Place, names: tuple[str, ...]) -> bool:
    return any(getattr(one, name) != getattr(other, name) for name in names)


def _canceled(reason: str = "") -> Refusal:
    return 202, f"Order Canceled - reason:{reason}"
