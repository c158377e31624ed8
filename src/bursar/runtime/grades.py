"""Grades: how far each strategy has come, where that is kept, and what an account with real money asks of it.

A judgement is never taken back: a grade is the highest that a strategy was promoted to. Time in paper counts from the
promotion to paper on, since what was tried before that was no test of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from bursar.adapters.journal import read
from bursar.adapters.store.sealing import Cipher
from bursar.config import Settings
from bursar.domain.events import Mode, PromotionJudged
from bursar.errors import InputError
from bursar.research.validate import Grade, Paper
from bursar.runtime.door import Admitted
from bursar.runtime.practice import lived_in
from bursar.trading.mandate import Autonomy

#: What a grade that is too low is called.
STANDS = {Grade.CANDIDATE: "a candidate", Grade.PAPER: "in paper"}


def journal_path(home: Path) -> Path:
    """Where judgements are kept."""
    return home / "research" / "promotions.sqlite"


def judgements(home: Path, name: str | None = None, cipher: Cipher | None = None) -> tuple[PromotionJudged, ...]:
    """Everything that was judged, oldest first, or what was judged of one strategy."""
    if not journal_path(home).is_file():
        return ()
    events = (recorded.event for recorded in read(journal_path(home), cipher=cipher))
    return tuple(event for event in events if isinstance(event, PromotionJudged) and name in (None, event.strategy))


def grade(home: Path, name: str, cipher: Cipher | None = None) -> Grade:
    """How far a strategy has come: the highest grade that it was promoted to."""
    passed = {event.to for event in judgements(home, name, cipher) if event.passed}
    return next((each for each in (Grade.LIVE, Grade.PAPER) if each.value in passed), Grade.CANDIDATE)


def practiced(home: Path, name: str, journals: Iterable[Path], cipher: Cipher | None = None) -> Paper | None:
    """What came of a strategy in paper, by the journal that reaches furthest; None where none tells of it."""
    lived = [each for each in lived_in(journals, name, cipher) if each.mode == Mode.PAPER]
    if not lived:
        return None
    latest = max(lived, key=lambda each: each.last)
    told = latest.paper()
    begun = [event.at.date() for event in judgements(home, name, cipher) if event.passed and event.to == Grade.PAPER]
    if not begun:
        return told
    return replace(told, days=max((latest.last - max(latest.first, begun[0])).days + 1, 0))


def require_grades(settings: Settings, home: Path, admitted: Admitted) -> None:
    """Let only strategies trade real money by themselves that were promoted to that.

    Paper may be tried by any, and a person who taps each order answers for it. Raises InputError, in words.
    """
    if admitted.mode is not Mode.LIVE or admitted.sealed or settings.strategy.autonomy != Autonomy.AUTOMATIC.value:
        return
    cipher = settings.store.cipher()
    grades = {name: grade(home, name, cipher) for name in dict.fromkeys(settings.strategy.names)}
    short = {name: each for name, each in grades.items() if each is not Grade.LIVE}
    if short:
        told = ", ".join(f"{name} is {STANDS[each]}" for name, each in short.items())
        first = next(iter(short))
        raise InputError(
            f"{admitted.account} holds real money, and only a strategy that was promoted to live trades it by itself: "
            f"{told}. See what is missing with bursar promote {first} live, trade it in paper, or set "
            "strategy.autonomy to approve and tap each order"
        )
