"""What acts, acts once: an ``Idempotency-Key`` names the intention, and who repeats it gets the same answer again.

Commands go into the loop's inbox under an id that is made from the intention, so that one which is sent twice, or over
a restart of the desk, is obeyed once: the loop's journal knows the id.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Header, Request
from fastapi.responses import Response
from sqlalchemy.exc import SQLAlchemyError

from bursar.desk.api.parts import Told
from bursar.desk.api.problems import Problem
from bursar.desk.desk import Desk
from bursar.desk.guard.roles import Caller
from bursar.errors import InputError
from bursar.ports import Command

#: How long an answer is kept for who asks again, and how many are.
KEPT, KEPT_MAX = timedelta(hours=24), 10_000

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=128,
        pattern=r"^[A-Za-z0-9._:-]+$",
        description="A new one for each intention; the same again repeats the answer and not the act.",
        examples=["9f1c2c52-6f0e-4f0a-9a0e-7d8f5d1f2b3c"],
    ),
]


@dataclass(slots=True)
class _Answer:
    digest: str
    at: datetime
    response: Response | None = None


@dataclass(slots=True)
class Once:
    """The answers to what acted lately, by who asked and under which key."""

    answers: OrderedDict[tuple[str, str], _Answer] = field(default_factory=OrderedDict)

    async def act(
        self, request: Request, desk: Desk, caller: Caller, key: str, act: Callable[[], Awaitable[Response]]
    ) -> Response:
        """What ``act`` answers, or what it answered when it was asked the first time.

        The same key for another request is refused, and so is one whose first request is not answered yet.
        """
        digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + await request.body()).hexdigest()
        name, now = (caller.user, key), desk.now()
        self._forget(now)
        known = self.answers.get(name)
        if known is not None:
            if known.digest != digest:
                raise Problem(422, "the key was used for another request", "make a new Idempotency-Key for each act")
            if known.response is None:
                raise Problem(409, "it is under way", "the same request is being answered; ask again in a moment")
            return known.response
        self.answers[name] = answer = _Answer(digest, now)
        try:
            answer.response = await act()
        except BaseException:
            del self.answers[name]
            raise
        return answer.response

    def _forget(self, now: datetime) -> None:
        while self.answers and (len(self.answers) >= KEPT_MAX or now - next(iter(self.answers.values())).at > KEPT):
            self.answers.popitem(last=False)


def once_of(request: Request) -> Once:
    """The answers of the application."""
    once: Once = request.app.state.once
    return once


async def send(
    desk: Desk, caller: Caller, name: str, arguments: Mapping[str, str], intention: str, *, whatever: bool = False
) -> Response:
    """Note and send a command to the loop of the account that is shown: 202, since it obeys at its next look.

    intention  what makes this command one and the same, such as who taps a proposal, under which key
    whatever   True for what goes on although nothing can be written down, neither the note nor the command
    """
    command = Command(
        command_id=hashlib.sha256(f"{name}\n{intention}".encode()).hexdigest()[:16],
        name=name,
        arguments=dict(arguments),
        by=caller.user,
        at=desk.now(),
        account=desk.past.run.account if desk.past.run else "",
    )
    said = {**command.kept, "command": command.command_id}
    if whatever:
        await desk.note_whatever(caller.user, name, said)
        with suppress(OSError, InputError, SQLAlchemyError):
            await asyncio.to_thread(desk.commands.send, command)
    else:
        await desk.note(caller.user, name, said)
        await asyncio.to_thread(desk.commands.send, command)
    answer = told(desk, command.command_id, name, caller.user)
    return Told(answer, 202, {"Location": f"/api/v1/commands/{command.command_id}"})


def told(desk: Desk, command_id: str, name: str, by: str) -> dict[str, Any]:
    """How far a command is."""
    taken = desk.past.commands.get(command_id)
    return {
        "sequence": desk.past.sequence,
        "command": command_id,
        "name": name,
        "by": by,
        "state": "sent" if taken is None else "taken",
        "taken_at_sequence": None if taken is None else taken.sequence,
    }
