"""Safety: what stops an account, and what lets it go on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bursar.domain.events.base import Event
from bursar.domain.events.run import Mode


class KillForm(StrEnum):
    """How an account is stopped: entries canceled and protection kept, or everything closed."""

    HALT = "halt"
    FLATTEN = "flatten"


@dataclass(frozen=True, slots=True, kw_only=True)
class KillOrdered(Event, kind="kill_ordered"):
    """Someone, or a breached limit, stopped an account. Nothing opens from here until a person re-arms it.

    by          who, or the rule that was breached
    everything  True where positions that are marked hands-off are closed as well
    """

    account: str
    form: KillForm
    reason: str
    by: str
    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KillFinished(Event, kind="kill_finished"):
    """What was to be closed is closed, and no entry works any more.

    kept  positions that stay: hands-off ones, unless everything was to be closed
    """

    account: str
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RearmRefused(Event, kind="rearm_refused"):
    """A person wanted an account to trade again, and it may not yet."""

    account: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSwitched(Event, kind="account_switched"):
    """Trading went on in another account. Journalled in both: in the one that was left, and in the one taken up.

    mode  of the account that was taken up
    What opened in the old account was canceled before; what protects it stays at work there.
    """

    account: str
    to: str
    mode: Mode
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRefused(Event, kind="switch_refused"):
    """Somebody wanted to trade in another account, and something did not agree. Nothing changed."""

    account: str
    to: str
    why: str
    by: str
