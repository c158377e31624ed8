"""What operators may ask for, and what comes of it: commands as events.

    kill     form (halt or flatten), reason, everything (yes): stop the account
    rearm    reason: let it trade again, where the written rule allows it (``standing``)
    tap      proposal: work it, leg by leg (``baskets``)
    explain  break, because, take_theirs (yes): a person settles a break, or what became of a flagged order (``breaks``)
    cancel   order, reason: ask the broker to cancel one order, where nothing is left bare by it (``canceling``)
             (of both: account, that is meant; numbers repeat from account to account, and one for another does nothing)
    adopt    lots: what adopted positions were bought for (``adoption``)
    switch   account, reason, phrase: trade in another account, which is not the engine's to do (``runtime/trader.py``)

Every command is journalled with who sent it, whatever becomes of it; one that was taken before is not taken again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bursar.domain.events import (
    Alerted,
    CancelRequested,
    CommandReceived,
    Event,
    KillForm,
    KillOrdered,
    RearmRefused,
    TradingState,
    TradingStateChanged,
)
from bursar.errors import InputError
from bursar.ports import Command
from bursar.trading.adoption import from_text, replaced
from bursar.trading.breaks import settled
from bursar.trading.canceling import objection
from bursar.trading.engine import Engine
from bursar.trading.mandate import Step

#: Commands about something that has a number: they may name the account whose number it is.
NUMBERED = frozenset({"tap", "cancel"})
#: The command that whoever runs several accounts carries out.
SWITCH = "switch"
#: The command that a kill which is pulled after it makes void.
REARM = "rearm"


def received(engine: Engine, command: Command) -> Step:
    """The word that ``command`` came; nothing where it was taken before. What was typed at a door is not kept."""
    name = f"command/{command.command_id}"
    if name in engine.standing.commands:
        return Step()
    return Step(
        events=(
            CommandReceived(
                event_id=name, at=engine.market.at, command=command.name, arguments=command.kept, by=command.by
            ),
        )
    )


def obey(engine: Engine, command: Command) -> Step:
    """What ``command`` leads to."""
    came = received(engine, command)
    if not came.events:
        return came
    traded, cause = engine.mandate.account, came.events[0].event_id
    meant = command.arguments.get("account", traded)
    if meant != traded and command.name in NUMBERED:
        why = f"{command.by} asked for {command.name} in account {meant}, and {traded} is traded now; nothing was done"
        return Step(events=(*came.events, _warned(engine, why, cause)))
    effects = _EFFECTS.get(command.name, _unknown)(engine, command, cause)
    cancels = tuple(each.order_id for each in effects if isinstance(each, CancelRequested))
    return Step(events=(*came.events, *effects), cancels=cancels)


def outdated(engine: Engine, command: Command) -> Step:
    """What becomes of a re-arming that was asked for before the kill switch was pulled: it takes no kill back."""
    came = received(engine, command)
    if not came.events:
        return came
    why = "the kill switch was pulled after this was asked for; ask again if it is still meant"
    return Step(events=(*came.events, _not_rearmed(engine, command, came.events[0].event_id, why)))


def ordered(
    engine: Engine, form: KillForm, reason: str, by: str, *, everything: bool = False, causes: tuple[str, ...] = ()
) -> tuple[Event, ...]:
    """The events that stop an account; none where it is stopped as hard already. A halt can become a flatten."""
    before = engine.standing.kill
    if before is not None and _hardness(before.form, before.everything) >= _hardness(form, everything):
        return ()
    kill = KillOrdered(
        event_id=engine.ids.new("g"),
        at=engine.market.at,
        causes=causes,
        account=engine.mandate.account,
        form=form,
        reason=reason,
        by=by,
        everything=everything,
    )
    return kill, _changed(engine, TradingState.HALTED, reason, by, kill.event_id)


def _hardness(form: KillForm, everything: bool) -> tuple[bool, bool]:
    return form is KillForm.FLATTEN, everything


def _kill(engine: Engine, command: Command, cause: str) -> tuple[Event, ...]:
    said = command.arguments
    form = KillForm.FLATTEN if said.get("form") == KillForm.FLATTEN else KillForm.HALT
    everything = said.get("everything") == "yes"
    return ordered(
        engine, form, said.get("reason") or "no reason given", command.by, everything=everything, causes=(cause,)
    )


def _rearm(engine: Engine, command: Command, cause: str) -> tuple[Event, ...]:
    session = engine.session
    reason = command.arguments.get("reason", "").strip()
    refusal = engine.standing.refusal(
        session.day if session else None, engine.mandate.limits.drawdown_wait_sessions
    ) or ("" if reason else "say why it may trade again: what happened, and what changed")
    if not refusal:
        return (_changed(engine, TradingState.ACTIVE, reason, command.by, cause),)
    return (_not_rearmed(engine, command, cause, refusal),)


def _not_rearmed(engine: Engine, command: Command, cause: str, why: str) -> RearmRefused:
    return RearmRefused(
        event_id=engine.ids.new("g"),
        at=engine.market.at,
        causes=(cause,),
        account=engine.mandate.account,
        reason=why,
        by=command.by,
    )


def _tap(engine: Engine, command: Command, cause: str) -> tuple[Event, ...]:
    try:
        tapped = engine.tap(command.arguments.get("proposal", ""), command.by)
    except InputError as error:
        return (_warned(engine, str(error), cause),)
    return (replace(tapped, causes=(*tapped.causes, cause)),)


def _cancel(engine: Engine, command: Command, cause: str) -> tuple[Event, ...]:
    order_id, by = command.arguments.get("order", ""), command.by
    why_not = objection(engine.orders, order_id, engine.book, engine.mandate.hands_off)
    if why_not:
        said = f"{by} asked to cancel {order_id or 'no order'}, which {why_not}"
        return (_warned(engine, said, cause),)
    reason = f"{by}: {command.arguments.get('reason') or 'no reason given'}"
    return (
        CancelRequested(
            event_id=engine.ids.new("c"), at=engine.market.at, causes=(cause,), order_id=order_id, reason=reason
        ),
    )


def _adopt(engine: Engine, command: Command, cause: str) -> tuple[Event, ...]:
    at = engine.market.at
    try:
        lots = from_text(command.arguments.get("lots", ""))
        return replaced(engine.book, engine.mandate.account, lots, at, cause, engine.market.session.local(at).date())
    except InputError as error:
        return (_warned(engine, str(error), cause),)


def _explain(engine: Engine, command: Command, cause: str) -> tuple[Event, ...]:
    said = command.arguments
    try:
        return settled(
            engine.breaks.named(said.get("break", "")),
            said.get("because", ""),
            command.by,
            engine.market.at,
            cause,
            portfolio=engine.mandate.portfolio,
            take_theirs=said.get("take_theirs") == "yes",
        )
    except InputError as error:
        return (_warned(engine, str(error), cause),)


def _unknown(engine: Engine, command: Command, cause: str) -> tuple[Event, ...]:
    known = ", ".join(_EFFECTS)
    said = f"{command.by} asked for {command.name!r}, which is no command; they are {known}"
    return (_warned(engine, said, cause),)


def _warned(engine: Engine, message: str, cause: str) -> Alerted:
    return Alerted(
        event_id=engine.ids.new("g"), at=engine.market.at, causes=(cause,), severity="warning", message=message
    )


def _changed(engine: Engine, state: TradingState, reason: str, by: str, cause: str) -> TradingStateChanged:
    return TradingStateChanged(
        event_id=engine.ids.new("g"),
        at=engine.market.at,
        causes=(cause,),
        account=engine.mandate.account,
        state=state,
        reason=reason,
        by=by,
    )


_EFFECTS: dict[str, Callable[[Engine, Command, str], tuple[Event, ...]]] = {
    "kill": _kill,
    REARM: _rearm,
    "tap": _tap,
    "cancel": _cancel,
    "adopt": _adopt,
    "explain": _explain,
}
