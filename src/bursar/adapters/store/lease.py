"""Who may trade an account, and what people asked for: both in the database, so that several processes agree.

A lease is granted to one holder until a moment, and each new holder gets a higher number than the one before: the
fence. A holder that slept past the end of its lease may wake up and believe that it still holds it; whatever it then
does with its old number is refused. ``check_fence`` does so within the transaction of whoever writes (the journal,
above all), and holds the row until that transaction ends, so that no successor can come between the check and the
commit. What is journalled before it is sent can therefore only be sent by the holder.

Moments come from the callers' clocks. A clock that is wrong can shorten a lease or take it early, but never makes two
holders: only the highest number writes.

Source: Kleppmann, "How to do distributed locking" (2016), fencing tokens.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, case, func, select, update

from bursar.adapters.store.database import explained, for_writing, upsert
from bursar.adapters.store.sealing import ACCOUNT, Cipher, opened, sealed, text_opened, text_sealed
from bursar.adapters.store.tables import CommandRow, LeaseRow
from bursar.errors import LeaseLostError
from bursar.ports import Command, Grant

#: The end of a lease that was given back.
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class StoreLease:
    """Leases in a database. See ``ports.Lease``."""

    def __init__(self, engine: Engine, cipher: Cipher | None = None) -> None:
        self._engine = engine
        self._cipher = cipher

    def acquire(self, account: str, holder: str, until: datetime, now: datetime) -> Grant | None:
        """Take or renew the lease; None while another holds it."""
        kept = text_sealed(self._cipher, account, ACCOUNT)
        wanted = {"account": kept, "holder": holder, "fence": 1, "until": until}
        renewed = (LeaseRow.holder == holder) & (LeaseRow.until > now)
        taken = upsert(self._engine)(LeaseRow).values(wanted)
        taken = taken.on_conflict_do_update(
            index_elements=[LeaseRow.account],
            set_={"holder": holder, "until": until, "fence": LeaseRow.fence + case((renewed, 0), else_=1)},
            where=renewed | (LeaseRow.until <= now),
        ).returning(LeaseRow.fence)
        with explained(self._engine), for_writing(self._engine).begin() as connection:
            fence = connection.execute(taken).scalar()
        return None if fence is None else Grant(account=account, holder=holder, fence=fence, until=until)

    def holds(self, grant: Grant, now: datetime) -> bool:
        """True while ``grant`` is the latest of its account and has not run out."""
        with explained(self._engine), self._engine.connect() as connection:
            fence, until = _present(connection, text_sealed(self._cipher, grant.account, ACCOUNT))
        return fence == grant.fence and now < until

    def release(self, grant: Grant) -> None:
        """Give the lease back before its end. A grant that is not the latest any more changes nothing."""
        mine = (LeaseRow.account == text_sealed(self._cipher, grant.account, ACCOUNT)) & (LeaseRow.fence == grant.fence)
        with explained(self._engine), for_writing(self._engine).begin() as connection:
            connection.execute(update(LeaseRow).where(mine).values(until=LONG_AGO))

    def granted(self, account: str) -> Grant | None:
        """What was granted last, whether or not it has run out; None where nothing ever was."""
        return next((grant for grant in self.holders() if grant.account == account), None)

    def holders(self) -> tuple[Grant, ...]:
        """The latest grant of every account, whether or not it has run out: for those who look."""
        with explained(self._engine), self._engine.connect() as connection:
            found = connection.execute(select(LeaseRow.account, LeaseRow.holder, LeaseRow.fence, LeaseRow.until)).all()
        return tuple(
            Grant(account=text_opened(self._cipher, account, ACCOUNT), holder=holder, fence=fence, until=until)
            for account, holder, fence, until in found
        )


def check_fence(connection: Connection, grant: Grant, cipher: Cipher | None = None) -> None:
    """Raise LeaseLostError unless ``grant`` is the latest of its account, and keep it so until the transaction ends."""
    fence, _ = _present(connection, text_sealed(cipher, grant.account, ACCOUNT), keep=True)
    if fence != grant.fence:
        raise LeaseLostError(
            f"{grant.holder} held the lease of {grant.account} as number {grant.fence}, and number {fence} was granted "
            "since; it must not trade any more, so stop it and let the other go on"
        )


def _present(connection: Connection, account: str, *, keep: bool = False) -> tuple[int, datetime]:
    statement = select(LeaseRow.fence, LeaseRow.until).where(LeaseRow.account == account)
    row = connection.execute(statement.with_for_update(read=True) if keep else statement).first()
    return (0, LONG_AGO) if row is None else (row.fence, row.until)


class StoreCommands:
    """The operator's inbox in a database. See ``ports.Commands``.

    Whoever takes a command claims it under the number of its lease. It stays claimed until it is done: should its
    holder die before, the next one, whose number is higher, claims it anew, and the one that slept gets it no more.

    holder, fence  whose claims these are, as in ``ports.Grant``; without a lease nobody's claim keeps others out
    """

    def __init__(self, engine: Engine, cipher: Cipher | None = None, *, holder: str = "", fence: int = 0) -> None:
        self._engine = engine
        self._cipher = cipher
        self._holder = holder
        self._fence = fence

    def send(self, command: Command) -> None:
        """Put ``command`` into the inbox, unless one with its id was ever there."""
        row = {
            "command_id": command.command_id,
            "name": command.name,
            "arguments": self._sealed(command.command_id, command.arguments),
            "sender": command.by,
            "at": command.at,
            "fence": 0,
            "account": text_sealed(self._cipher, command.account, ACCOUNT),
        }
        with explained(self._engine), for_writing(self._engine).begin() as connection:
            connection.execute(upsert(self._engine)(CommandRow).values(row).on_conflict_do_nothing())

    def take(self, account: str = "") -> tuple[Command, ...]:
        """Claim what is not done and meant for ``account``, unless a later holder did; in the order of its sending.

        Where nothing is to be done, nothing is written: a loop asks at every look.
        """
        free = CommandRow.done_at.is_(None) & (CommandRow.fence <= self._fence)
        if account:
            # In clear as well: whoever sends may not know yet that there is a key.
            free &= CommandRow.account.in_(["", account, text_sealed(self._cipher, account, ACCOUNT)])
        claim = update(CommandRow).where(free).values(claimed_by=self._holder, fence=self._fence, claimed_at=func.now())
        columns = (CommandRow.number, CommandRow.command_id, CommandRow.name, CommandRow.arguments, CommandRow.sender)
        with explained(self._engine), self._engine.connect() as connection:
            if connection.execute(select(CommandRow.number).where(free).limit(1)).first() is None:
                return ()
        with explained(self._engine), for_writing(self._engine).begin() as connection:
            found = connection.execute(claim.returning(*columns, CommandRow.at, CommandRow.account)).all()
        return tuple(self._command(row) for row in sorted(found, key=lambda row: row.number))

    def done(self, command: Command) -> None:
        """Say that what the command led to is journalled. It stays in the table, with who carried it out and when.

        What was typed at a door does not.
        """
        said = self._sealed(command.command_id, command.kept)
        mine = (CommandRow.command_id == command.command_id) & CommandRow.done_at.is_(None)
        mine &= CommandRow.fence <= self._fence
        with explained(self._engine), for_writing(self._engine).begin() as connection:
            connection.execute(update(CommandRow).where(mine).values(done_at=func.now(), arguments=said))

    def _sealed(self, command_id: str, arguments: Mapping[str, str]) -> bytes:
        return sealed(self._cipher, json.dumps(dict(arguments), sort_keys=True).encode(), command_id)

    def _command(self, row: Any) -> Command:
        said = opened(self._cipher, bytes(row.arguments), row.command_id)
        return Command(
            command_id=row.command_id,
            name=row.name,
            arguments=json.loads(said),
            by=row.sender,
            at=row.at,
            account=text_opened(self._cipher, row.account, ACCOUNT),
        )
