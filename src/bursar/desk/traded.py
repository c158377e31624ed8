"""The journal of whichever account is traded, as another process writes it.

``bursar switch`` makes the loop that trades go on in another account, whose journal lies beside the old one. Both
journals say so with the same event, so that whoever reads the old one finds the new one, and knows that it has begun.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bursar.adapters.journal import read
from bursar.adapters.store.sealing import Cipher
from bursar.domain.events import AccountSwitched, Event
from bursar.ports import Recorded


@dataclass(slots=True)
class JournalFile:
    """A journal that another process writes, opened by ``cipher`` where it is sealed; empty where there is none.

    path  of the account's that is read now; ``go_along`` moves it
    """

    path: Path
    cipher: Cipher | None = None

    def read(self, first: int = 1) -> Iterator[Recorded]:
        """Events from ``first`` on."""
        return read(self.path, first, self.cipher) if self.path.is_file() else iter(())

    def of(self, account: str) -> Path:
        """Where the journal of another account lies: beside this one."""
        return self.path.parent.parent / account / self.path.name

    def go_along(self, left: AccountSwitched) -> bool:
        """Read the journal of the account that was taken up from now on; False until that one says so, too."""
        there = self.of(left.to)
        begun = there.is_file() and any(each.event.event_id == left.event_id for each in read(there, 1, self.cipher))
        if begun:
            self.path = there
        return begun


def left_for(account: str, last: Event) -> AccountSwitched | None:
    """The change by which ``account`` was left, where ``last`` is the last event of its journal; else None.

    Whoever comes back to an account writes on after it.
    """
    return last if isinstance(last, AccountSwitched) and last.account == account else None
