"""Every exception that Bursar raises, drawn as a tree.

    BursarError
    |-- InputError      the caller can fix it: a value, a file, a setting
    |   |-- TakenError  another process has it: wait until that has ended, or talk to it
    |   `-- AwayError   a database that is named does not serve: see that it is there, and try again
    |-- DataError       facts are missing, stale or contradictory: the decision that needed them is skipped
    |-- BrokerError     the broker refused or did not answer; `retryable` says whether to try again
    |-- ProtocolError   bytes that cannot be understood: drop the connection they came from
    `-- LedgerError     the books do not balance: stop trading, keep the process, wake a person
        `-- LeaseLostError  another process may trade now: stop at once, and begin again by asking for the lease

Expected outcomes (a rejected order, an abstaining analyst) are events, not exceptions.
A message names the thing, the value that it had, what is allowed, and the remedy.
"""

from __future__ import annotations


class BursarError(Exception):
    """The root: catch it at the edge of the desk and nowhere else."""


class InputError(BursarError, ValueError):
    """The caller gave something that cannot be used, and can fix it."""


class TakenError(InputError):
    """Another process of ours has what was asked for, and keeps it for as long as it lives."""


class AwayError(InputError):
    """A database that is named does not serve: it is not there, or lets nobody in. What needs it waits for it."""


class DataError(BursarError):
    """Facts are missing, stale or contradict each other; what depends on them must not be decided."""


class BrokerError(BursarError):
    """The broker refused, or did not answer.

    code       the broker's own number, or 0 where it gave none
    retryable  True when the same request may succeed later; never a licence to send an order again
    """

    def __init__(self, message: str, *, code: int = 0, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


class ProtocolError(BursarError):
    """Bytes that no version of the protocol explains. Close the connection that sent them."""


class LedgerError(BursarError):
    """An event does not balance or contradicts the books. Trading stops until a person has looked.

    sequence  the journal's number of the event, or None before it has one
    """

    def __init__(self, message: str, *, sequence: int | None = None) -> None:
        super().__init__(message if sequence is None else f"event {sequence}: {message}")
        self.sequence = sequence


class LeaseLostError(LedgerError):
    """The right to trade went to another process, or ran out. Whoever had it writes and sends nothing any more."""
