"""What waits for a person's tap, and the tap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bursar.desk.commands import breaks
from bursar.desk.options import TRADING, AsJson, JournalFile, ask, console, journal_path, records, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bursar.adapters.marks import Told
    from bursar.domain.instruments import Instrument
    from bursar.domain.proposals import Outlook
    from bursar.trading.baskets import Saga, Sagas
    from bursar.trading.promises import Promise


def add(app: typer.Typer) -> None:
    """Hang the commands on ``app``."""
    app.command(rich_help_panel=TRADING)(proposals)
    app.command(rich_help_panel=TRADING)(tap)
    breaks.add(app)  # what waits for a person's word stands beside what waits for a tap


def proposals(journal: JournalFile = None, json: AsJson = False) -> None:
    """List what was proposed: its orders, what it would cost, what stopping halfway might, and what became of it.

    bursar proposals
    bursar proposals --json
    """
    from json import dumps

    from bursar.desk.views import proposal
    from bursar.domain.events import InstrumentListed
    from bursar.trading.baskets import Sagas

    sagas = Sagas(float(settings_of(None, {}).execution.behind_max))
    listed: dict[str, Instrument] = {}
    for recorded in records(journal):
        sagas.apply(recorded.event)
        if isinstance(recorded.event, InstrumentListed):
            listed[recorded.event.instrument.symbol] = recorded.event.instrument
    if json:
        typer.echo(dumps([proposal(saga, sagas, listed) for saga in sagas.all()], indent=2))
        return
    if not sagas.all():
        console().print(
            "nothing was proposed; set strategy.autonomy to propose or approve, and a decision waits here for a tap",
            soft_wrap=True,
        )
        return
    _show(sagas)


def tap(
    proposal: Annotated[str, typer.Argument(metavar="PROPOSAL", help="A proposal such as p-00000001.")],
    json: AsJson = False,
) -> None:
    """Say yes to a proposal, once: the running program checks it again and works it order by order.

    Where prices have moved, it has expired, or it was tapped already, nothing is sent, and bursar proposals says why.

      bursar tap p-00000001
    """
    from datetime import UTC, datetime
    from json import dumps

    from bursar.trading.baskets import Sagas
    from bursar.trading.mandate import TAPS

    sagas, at = Sagas(), datetime.min.replace(tzinfo=UTC)
    for recorded in records(None):
        sagas.apply(recorded.event)
        at = max(at, recorded.event.at)
    if told := _published():
        at = max(at, told.at)
    quotes = {quote.symbol: quote for quote in told.quotes} if told else {}
    saga = sagas.tappable(proposal, at, quotes, TAPS)
    # Every account counts its proposals from one: the tap names the account whose proposals are listed.
    traded = saga.proposal.account
    command = ask("tap", {"proposal": proposal, "account": traded}, account=traded)
    if json:
        typer.echo(dumps({"command": command.command_id, "proposal": proposal, "by": command.by}, indent=2))
        return
    console().print(
        f"tapped {proposal} ({command.command_id}); the program takes it at its next look: bursar proposals",
        highlight=False,
        soft_wrap=True,
    )


def _published() -> Told | None:
    """The latest prices of the program that trades, beside its journal; None where none can be read."""
    from bursar.adapters.marks import FILE_NAME, ReadMarks
    from bursar.errors import DataError

    try:
        return ReadMarks(journal_path(None).parent / FILE_NAME).read()
    except DataError:
        return None  # the program that trades looks at its own


def _show(sagas: Sagas) -> None:
    from rich.table import Table

    table = Table("proposal", "orders", "cost", "to undo", "at worst", "until", "state", box=None, padding=(0, 1))
    for saga in sagas.all():
        proposal, shown = saga.proposal, saga.tapped.outlook if saga.tapped else saga.shown
        orders = "\n".join(f"{leg.side} {leg.quantity:f} {leg.symbol} at {leg.price:f}" for leg in proposal.legs)
        table.add_row(
            proposal.proposal_id,
            orders,
            "" if shown is None else f"{shown.cost:,.2f}",
            "" if shown is None else f"{shown.unwinding_cost:,.2f}",
            "" if shown is None else f"{shown.legging_loss_max:,.2f}",
            f"{proposal.expires_at:%Y-%m-%d %H:%M} UTC",
            _state(saga, shown),
        )
    console().print(table)
    for saga in sagas.all():
        if saga.warned and saga.tapped is None:
            said = f"{saga.proposal.proposal_id}: the last tap was refused: {saga.warned}"
            console().print(said, markup=False, highlight=False)
    console().print(
        "[dim]cost: half a spread and fees of all orders; to undo: trading all of it back at once; at worst: stopping "
        f"after the worst order and trading back, {_moves(sagas)} (execution.adverse_move)[/]"
    )
    _show_kept([found for saga in sagas.all() if (found := sagas.promises.get(saga.proposal.proposal_id))])


def _state(saga: Saga, shown: Outlook | None) -> str:
    """How far a proposal is, and what speaks against a tap where it waits for one."""
    if saga.ended:
        return f"{saga.state}: {saga.ended.reason}"
    against = "; ".join(shown.refusals) if shown and saga.tapped is None else ""
    return f"{saga.state}, and cannot be tapped: {against}" if against else saga.state.value


def _moves(sagas: Sagas) -> str:
    """By how much prices are taken to move meanwhile, in words."""
    shown = (saga.tapped.outlook if saga.tapped else saga.shown for saga in sagas.all())
    moves = sorted({each.adverse_move for each in shown if each is not None})
    return f"should prices move {' or '.join(f'{float(move) * 100:g}%' for move in moves)} against you meanwhile"


def _show_kept(promises: Sequence[Promise]) -> None:
    """What became of those that were completed, of what they promised."""
    from bursar.desk.tables import listing

    if not promises:
        return
    right = ("sessions", "return", "cost", "loss")
    table = listing("", "promised by", "it is", *right, right=right)
    for promise in promises:
        made = promise.proposal
        table.add_row(
            made.proposal_id,
            promise.keeping.value.replace("_", " "),
            f"{promise.sessions} of {made.horizon_days}",
            f"{promise.earned:+.2%} of {promise.promised:+.2%}",
            f"{promise.cost:,.2f} of {promise.shown.cost:,.2f}",
            f"{promise.loss:,.2f} of {made.loss_max:,.2f}",
        )
    console().print(table)
    console().print(
        f"[dim]return: of what was promised by now, and more than {promises[0].behind_max * 100:g}% below it is "
        "behind (execution.behind_max); loss: of what its stops may lose[/]"
    )
