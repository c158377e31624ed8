"""The shipped doubles: each port in memory, for backtests, demonstrations and tests.

They keep their ports' promises (one conformance suite runs over them and the real ones), need nothing
installed and forget everything when they go.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bursar.adapters.journal import refuse_other
from bursar.domain.events import Event
from bursar.domain.market import Quote
from bursar.domain.record import GENESIS, encode, link
from bursar.domain.signals import Signal
from bursar.errors import InputError
from bursar.ports import Answer, Command, Fact, Grant, Headline, Item, Recorded, Result


class MemoryJournal:
    """A journal that forgets. It keeps the bytes as well, so that it refuses what the real one would."""

    def __init__(self) -> None:
        self._records: list[Recorded] = []
        self._held: dict[str, tuple[int, bytes]] = {}

    async def append(self, events: Sequence[Event]) -> tuple[Recorded, ...]:
        """Keep ``events`` together and return those that were new; see ``ports.Journal``."""
        digest = self._records[-1].digest if self._records else GENESIS
        added: dict[str, tuple[Recorded, bytes]] = {}
        for event, data in [(event, encode(event)) for event in events]:
            held = self._held.get(event.event_id)
            if held is None and event.event_id in added:
                repeated, first = added[event.event_id]
                held = repeated.sequence, first
            if held is not None:
                refuse_other(event, *held)
                continue
            digest = link(digest, data)
            added[event.event_id] = Recorded(len(self._records) + len(added) + 1, event, digest), data
        self._records += [record for record, _ in added.values()]
        self._held |= {event_id: (record.sequence, data) for event_id, (record, data) in added.items()}
        return tuple(record for record, _ in added.values())

    def read(self, first: int = 1) -> Iterator[Recorded]:
        """Events from ``first`` on, as kept when the reading began."""
        yield from self._records[max(first - 1, 0) :]


class QuietJournal:
    """A journal in memory that makes bytes and chain only for those who read it: for backtests of many years.

    All else is as in ``MemoryJournal``; what cannot be written down is noticed when it is read, and not before.
    """

    def __init__(self) -> None:
        self._records: dict[str, Recorded] = {}

    async def append(self, events: Sequence[Event]) -> tuple[Recorded, ...]:
        """Keep ``events`` together and return those that were new, with their digests left empty."""
        added: dict[str, Recorded] = {}
        for event in events:
            held = self._records.get(event.event_id) or added.get(event.event_id)
            if held is None:
                added[event.event_id] = Recorded(len(self._records) + len(added) + 1, event, b"")
            elif held.event != event:
                refuse_other(event, held.sequence, encode(held.event))
        self._records |= added
        return tuple(added.values())

    @property
    def events(self) -> tuple[Event, ...]:
        """All of them, oldest first, without bytes or chain."""
        return tuple(record.event for record in self._records.values())

    def read(self, first: int = 1) -> Iterator[Recorded]:
        """Events from ``first`` on, chained from the beginning."""
        digest = GENESIS
        for record in tuple(self._records.values()):
            digest = link(digest, encode(record.event))
            if record.sequence >= first:
                yield Recorded(record.sequence, record.event, digest)


class MemoryMarks:
    """The latest quote of each symbol."""

    def __init__(self) -> None:
        self._quotes: dict[str, Quote] = {}

    def publish(self, quotes: Iterable[Quote]) -> None:
        self._quotes |= {quote.symbol: quote for quote in quotes}

    def latest(self, symbols: Iterable[str]) -> Mapping[str, Quote]:
        return {symbol: self._quotes[symbol] for symbol in symbols if symbol in self._quotes}


class MemoryCommands:
    """An inbox that lives as long as its process; one that was sent twice is there once."""

    def __init__(self) -> None:
        self._waiting: dict[str, Command] = {}
        self._known: set[str] = set()

    def send(self, command: Command) -> None:
        if command.command_id not in self._known:
            self._known.add(command.command_id)
            self._waiting[command.command_id] = command

    def take(self, account: str = "") -> tuple[Command, ...]:
        return tuple(each for each in self._waiting.values() if each.is_for(account))

    def done(self, command: Command) -> None:
        self._waiting.pop(command.command_id, None)


class MemoryLease:
    """Who holds which account, until when, and under which number."""

    def __init__(self) -> None:
        self._granted: dict[str, Grant] = {}

    def acquire(self, account: str, holder: str, until: datetime, now: datetime) -> Grant | None:
        present = self._granted.get(account)
        running = present is not None and now < present.until
        if present is not None and running and present.holder != holder:
            return None
        before = present.fence if present else 0
        grant = Grant(account=account, holder=holder, fence=before if running else before + 1, until=until)
        self._granted[account] = grant
        return grant

    def holds(self, grant: Grant, now: datetime) -> bool:
        present = self._granted.get(grant.account)
        return present is not None and present.fence == grant.fence and now < present.until

    def release(self, grant: Grant) -> None:
        present = self._granted.get(grant.account)
        if present is not None and present.fence == grant.fence:
            self._granted[grant.account] = replace(present, until=datetime.min.replace(tzinfo=UTC))

    def granted(self, account: str) -> Grant | None:
        return self._granted.get(account)


class MemoryRegistry:
    """Trials in the order in which they were run."""

    def __init__(self) -> None:
        self._trials: list[Mapping[str, Any]] = []

    def record(self, trial: Mapping[str, Any]) -> int:
        """Keep a trial, which names its ``study``, and return its number, from 1."""
        if "study" not in trial:
            raise InputError(f"a trial names its study; this one has only {', '.join(trial) or 'nothing'}")
        self._trials.append(dict(trial))
        return len(self._trials)

    def trials(self, study: str) -> tuple[Mapping[str, Any], ...]:
        return tuple(trial for trial in self._trials if trial["study"] == study)


class InlineWorkers:
    """Does the work here and now."""

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        return map(work, items)


class MemoryMeter:
    """Counts and levels by name and labels, for whoever asks."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
        self.levels: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        key = name, tuple(sorted(labels.items()))
        self.counts[key] += amount  # type: ignore[assignment]  # a Counter counts in halves as well

    def gauge(self, name: str, value: float | Decimal, **labels: str) -> None:
        self.levels[name, tuple(sorted(labels.items()))] = float(value)


class MemoryFundamentals:
    """Facts given beforehand; none is known before its filing."""

    def __init__(self, facts: Iterable[Fact] = ()) -> None:
        self._facts = tuple(sorted(facts, key=lambda fact: (fact.known_at, fact.at)))

    def asof(self, symbol: str, names: Sequence[str], known_at: datetime) -> tuple[Fact, ...]:
        return tuple(
            fact for fact in self._facts if fact.symbol == symbol and fact.name in names and fact.known_at <= known_at
        )


class MemoryNews:
    """Headlines given beforehand; none is known before it was published."""

    def __init__(self, headlines: Iterable[Headline] = ()) -> None:
        self._headlines = tuple(sorted(headlines, key=lambda headline: headline.known_at))

    def asof(self, symbols: Sequence[str], since: datetime, known_at: datetime) -> tuple[Headline, ...]:
        wanted = set(symbols)
        return tuple(
            headline
            for headline in self._headlines
            if since <= headline.known_at <= known_at and wanted.intersection(headline.symbols)
        )


class MemorySignals:
    """Signals given beforehand; none is known before it was issued."""

    def __init__(self, signals: Iterable[Signal] = ()) -> None:
        self._signals = tuple(sorted(signals, key=lambda signal: (signal.issued, signal.source, signal.signal_id)))

    def asof(self, since: datetime, known_at: datetime) -> tuple[Signal, ...]:
        return tuple(signal for signal in self._signals if since <= signal.issued <= known_at)

    def unread(self) -> Mapping[str, str]:
        return {}


class RecordedModel:
    """A language model that repeats what was recorded, by prompt, and invents nothing."""

    def __init__(self, answers: Mapping[str, Mapping[str, Any]], name: str = "recorded") -> None:
        self._answers = dict(answers)
        self._name = name

    def begin(self) -> None:
        """Repeating costs nothing, so there is nothing to count anew."""

    async def ask(self, prompt: str, schema: type[Result], check: Callable[[Result], str]) -> Answer[Result]:
        """The recorded answer to ``prompt`` in the shape of ``schema``, or why it is none."""
        answer = self._answers.get(prompt)
        if answer is None:
            return Answer(value=None, problem="no answer was recorded to this prompt", model=self._name, recorded=True)
        text = json.dumps(answer, ensure_ascii=False)
        try:
            value = schema(**answer)
        except (TypeError, ValueError) as error:
            problem = f"the recorded answer is no {schema.__name__}: {error}"
            return Answer(value=None, problem=problem, model=self._name, recorded=True, text=text)
        problem = check(value)
        return Answer(
            value=None if problem else value, problem=problem, model=self._name, recorded=True, text=text, attempts=1
        )
