"""The kill switch as anybody can reach it: a file, a signal, a command.

The file is ``KILL`` in BURSAR_HOME. It needs no program of ours: ``touch KILL`` halts, and one that says "flatten"
closes. It stays until a person re-arms the account, so that whoever starts finds it; to every other account below the
home it is left, in its folder, so that one which did not run meanwhile finds it as well. SIGUSR1 halts and SIGUSR2
flattens the process that gets it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from bursar.adapters.marks import FILE_NAME as MARKS_NAME
from bursar.adapters.marks import SharedMarks, redis_at
from bursar.config import Settings
from bursar.domain.events import KillForm
from bursar.ports import Commands, Grant
from bursar.runtime import shared

FILE_NAME = "KILL"

#: What each signal asks for.
SIGNALS = {signal.SIGUSR1: KillForm.HALT, signal.SIGUSR2: KillForm.FLATTEN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What the switch asks for. at: when it was asked for last, by the machine's clock; None where nobody knows."""

    form: KillForm
    reason: str
    by: str
    everything: bool = False
    at: datetime | None = field(default=None, compare=False)

    @property
    def hardness(self) -> tuple[bool, bool]:
        """How much it closes: nothing, the sleeve, or everything."""
        return self.form is KillForm.FLATTEN, self.everything

    def text(self) -> str:
        """As the file says it."""
        said = {"form": self.form.value, "reason": self.reason, "by": self.by, "everything": self.everything}
        return json.dumps(said, indent=2) + "\n"


class Switch:
    """The switch of one home, and of one account below it.

    home    the folder in which the file lies, or would
    folder  of the account that works: there it lies, too, where another account was re-armed before this one obeyed
    """

    def __init__(self, home: Path, folder: Path | None = None) -> None:
        self.path = home / FILE_NAME
        self._accounts = home / "accounts"
        self._folder = folder or home
        self._signaled: Pulled | None = None

    def pull(self, pulled: Pulled) -> None:
        """Leave the file. It replaces a weaker one, and never a stronger, which is asked for anew with that."""
        present = self.asked()
        if present is not None and pulled.hardness < present.hardness:
            self.path.touch()
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            draft = self.path.with_name(f"{self.path.name}.{os.getpid()}.draft")
            try:
                draft.write_text(pulled.text(), encoding="utf-8")
                draft.replace(self.path)  # whole or not at all: half of a file would say less than was meant
            except OSError:
                self.path.touch()  # a full disk: the file alone halts
                draft.unlink(missing_ok=True)

    def asked(self) -> Pulled | None:
        """What is asked for, by the file or by a signal: whichever closes more. An unreadable file asks for a halt."""
        asked = [each for each in (*map(_filed, self._files()), self._signaled) if each is not None]
        return max(asked, key=lambda pulled: pulled.hardness, default=None)

    def since(self, moment: datetime) -> bool:
        """True where it was pulled after ``moment``, or nobody knows when."""
        asked = [each for each in (*map(_filed, self._files()), self._signaled) if each is not None]
        return any(each.at is None or each.at > moment for each in asked)

    def clear(self) -> None:
        """Take the file away: a person has re-armed the account, and no other one, to which it is left."""
        self._signaled = None
        if self.path.exists():
            for other in self._accounts.glob("*"):
                if other.is_dir() and other != self._folder:
                    _leave(self.path, other / FILE_NAME)
        for file in self._files():
            file.unlink(missing_ok=True)

    def _files(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys((self.path, self._folder / FILE_NAME)))

    def signaled(self, form: KillForm) -> None:
        """A signal came; a later one weakens none."""
        harder = self._signaled is None or form is KillForm.FLATTEN
        form = form if harder or self._signaled is None else self._signaled.form
        self._signaled = Pulled(form=form, reason="a signal", by="a signal", at=datetime.now(UTC))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear signals while the block runs, in the loop that is running; a thread beside the main one gets none."""
        loop = asyncio.get_running_loop()
        heard = SIGNALS if threading.current_thread() is threading.main_thread() else {}
        for number, form in heard.items():
            loop.add_signal_handler(number, self.signaled, form)
        try:
            yield
        finally:
            for number in heard:
                loop.remove_signal_handler(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """What an operator reaches a run by, and where a kill is written down while the journal is away.

    marks  where the run's prices are published for those who look; None for nobody
    """

    switch: Switch
    commands: Commands
    reserve: Path
    marks: SharedMarks | None = None

    @classmethod
    def of(cls, home: Path, folder: Path, settings: Settings, grant: Grant | None = None) -> Controls:
        """Those of a run in ``folder``, under the switch and the inbox of ``home``. grant: under which it trades."""
        return cls(
            switch=Switch(home, folder),
            commands=shared.inbox(home, settings.store, grant),
            reserve=folder / "reserve.jsonl",
            marks=SharedMarks(folder / MARKS_NAME, redis_at(settings.service.cache)),
        )


def _filed(path: Path) -> Pulled | None:
    """What a file asks for; None where there is none."""
    at = None
    try:
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        return Pulled(form=KillForm.HALT, reason=f"the file {path} cannot be read: {error}", by=FILE_NAME, at=at)
    return replace(_read(text), at=at)


def _leave(path: Path, there: Path) -> None:
    """Leave a file to another account as it is, unless a harder one lies there."""
    pulled, present = _filed(path), _filed(there)
    if pulled is None or (present is not None and present.hardness > pulled.hardness):
        return
    draft = there.with_name(f"{there.name}.{os.getpid()}.draft")
    try:
        shutil.copy2(path, draft)  # with when it was pulled
        draft.replace(there)
    except OSError:
        there.touch()  # as in ``pull``
        draft.unlink(missing_ok=True)


def _read(text: str) -> Pulled:
    try:
        said = json.loads(text)
        return Pulled(
            form=KillForm(said["form"]),
            reason=str(said.get("reason") or "no reason given"),
            by=str(said.get("by") or FILE_NAME),
            everything=bool(said.get("everything")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        form = KillForm.FLATTEN if KillForm.FLATTEN in text.lower() else KillForm.HALT
        return Pulled(form=form, reason=" ".join(text.split()) or "the file is there", by=FILE_NAME)
