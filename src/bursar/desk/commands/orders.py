"""Orders that work, and taking one of them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bursar.desk.options import TRADING, AsJson, JournalFile, ask, console, records, settings_of
from bursar.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bursar.trading.oms import OrderState


def add(app: typer.Typer) -> None:
    """Hang the commands on ``app``."""
    app.command(rich_help_panel=TRADING)(orders)
    app.command(rich_help_panel=TRADING)(cancel)


def orders(
    every: Annotated[bool, typer.Option("--all", metavar="", help="Those that have ended as well.")] = False,
    journal: JournalFile = None,
    json: AsJson = False,
) -> None:
    """List the orders that work: what each is for, how much of it is filled, and at which price it waits.

    bursar orders
    bursar orders --all --json
    """
    from json import dumps

    from bursar.desk import views
    from bursar.trading.oms import Orders

    placed = Orders()
    for recorded in records(journal):
        placed.apply(recorded.event)
    shown = placed.all() if every else placed.working()
    if json:
        typer.echo(dumps([views.order(state) for state in shown], indent=2))
        return
    if not shown:
        console().print("no order was placed" if every else "no order works; --all lists those that have ended")
        return
    _show(shown)


def cancel(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="An order such as o-00000001.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the journal.")] = "",
    json: AsJson = False,
) -> None:
    """Have one order canceled by the program that trades, which looks again whether it may be.

    An order that protects a position, or closes one out of need, is not canceled: it says what to do instead.

      bursar cancel o-00000001 --reason "the news changed"
    """
    from json import dumps

    from bursar.ledger.book import Bookkeeper
    from bursar.trading.canceling import objection
    from bursar.trading.oms import Orders

    if not reason.strip():
        raise InputError(f'canceling needs a reason: bursar cancel {order} --reason "what changed"')
    placed, keeper = Orders(), Bookkeeper()
    for recorded in records(None):
        placed.apply(recorded.event)
        keeper.apply(recorded.event)
    why_not = objection(placed, order, keeper.book(), frozenset(settings_of(None, {}).sleeve.hands_off))
    if why_not:
        working = ", ".join(state.order.order_id for state in placed.working()) or "none does"
        listed = "" if order in placed else f": {working}"
        raise InputError(f"{order} {why_not}{listed}; nothing was asked for")
    # Every account counts its orders from one: the command names the account whose orders are listed.
    traded = placed[order].order.account
    sent = ask("cancel", {"order": order, "reason": reason.strip(), "account": traded}, account=traded)
    if json:
        typer.echo(dumps({"command": sent.command_id, "order": order, "by": sent.by}, indent=2))
        return
    console().print(
        f"asked to cancel {order} ({sent.command_id}); the program takes it at its next look: bursar why {order}",
        highlight=False,
        soft_wrap=True,
    )


def _show(states: Sequence[OrderState]) -> None:
    from rich.cells import cell_len

    from bursar.desk.tables import listing

    table = listing("", "order", "what", "filled", "price", "for", "state", "by", right=("filled", "price"))
    for state in states:
        order = state.order
        prices = [f"{price:f}" for price in (order.stop_price, order.limit_price) if price is not None]
        table.add_row(
            order.order_id,
            f"{order.side} {order.symbol}",
            f"{state.filled:f} of {order.quantity:f}",
            " / ".join(prices) or "market",
            order.purpose.value,
            state.status.value.replace("_", " "),
            order.strategy,
        )
    # Whoever cancels an order needs its whole name; what a narrow terminal cuts is who asked for it.
    for column in table.columns[:-1]:
        column.no_wrap, column.min_width = True, max(map(cell_len, map(str, column.cells)), default=0)
    table.columns[-1].no_wrap = True
    console().print(table)
