"""The kill switch as anybody can reach it: a file, a signal, a command.

The file is ``KILL`` in BURSAR_HOME. It needs no program of ours: ``touch KILL`` halts, and one that says "flatten"
closes. It stays until a person re-arms the account, so that whoever starts finds it. SIGUSR1 halts and SIGUSR2
flattens the process that gets it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
    """What the switch asks for."""

    form: KillForm
    reason: str
    by: str
    everything: bool = False

    @property
    def hardness(self) -> tuple[bool, bool]:
        """How much it closes: nothing, the sleeve, or everything."""
        return self.form is KillForm.FLATTEN, self.everything

    def text(self) -> str:
        """As the file says it."""
        said = {"form": self.form.value, "reason": self.reason, "by": self.by, "everything": self.everything}
        return json.dumps(said, indent=2) + "\n"


class Switch:
    """The switch of one folder.

    home  the folder in which the file lies, or would
    """

    def __init__(self, home: Path) -> None:
        self.path = home / FILE_NAME
        self._signaled: Pulled | None = None

    def pull(self, pulled: Pulled) -> None:
        """Leave the file. It replaces a weaker one, and never a stronger."""
        present = self.asked()
        if present is None or pulled.hardness >= present.hardness:
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
        asked = [each for each in (self._filed(), self._signaled) if each is not None]
        return max(asked, key=lambda pulled: pulled.hardness, default=None)

    def _filed(self) -> Pulled | None:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            return Pulled(form=KillForm.HALT, reason=f"the file {self.path} cannot be read: {error}", by=FILE_NAME)
        return _read(text)

    def clear(self) -> None:
        """Take the file away: a person has re-armed the account."""
        self._signaled = None
        self.path.unlink(missing_ok=True)

    def signaled(self, form: KillForm) -> None:
        """A signal came; a later one weakens none."""
        if self._signaled is None or form is KillForm.FLATTEN:
            self._signaled = Pulled(form=form, reason="a signal", by="a signal")

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
            switch=Switch(home),
            commands=shared.inbox(home, settings.store, grant),
            reserve=folder / "reserve.jsonl",
            marks=SharedMarks(folder / MARKS_NAME, redis_at(settings.service.cache)),
        )


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
