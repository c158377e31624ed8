"""A strategy in the accounts that trade it, beside what its promotion promised."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bursar.adapters.store.sealing import Cipher
from bursar.desk import wording
from bursar.domain.events import PromotionJudged
from bursar.research.validate import Grade, Kept, Lived, held_against
from bursar.runtime import grades, practice


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """grade, the promotion that it carries (the last that passed), and each account's result with its verdict."""

    grade: Grade
    promotion: PromotionJudged | None
    accounts: tuple[tuple[Lived, Kept | None], ...]


def track(home: Path, name: str, journals: Iterable[Path] | None = None, cipher: Cipher | None = None) -> Track:
    """What is on record of a strategy; ``journals`` are those of all accounts where none is named."""
    passed = [event for event in grades.judgements(home, name, cipher) if event.passed]
    promotion = passed[-1] if passed else None
    lived = practice.lived_in(practice.journals(home) if journals is None else journals, name, cipher)
    return Track(
        grade=grades.grade(home, name, cipher),
        promotion=promotion,
        accounts=tuple((each, held_against(promotion.numbers, each) if promotion else None) for each in lived),
    )


def track_lines(found: Track) -> tuple[str, ...]:
    """For a terminal."""
    lines = [f"Grade: {found.grade.value}."]
    if found.promotion is not None:
        by = found.promotion
        lines[0] += f" Promoted to {by.to} on {by.at:%Y-%m-%d} by {by.market}, {by.first} to {by.last}."
    if not found.accounts:
        lines.append("No account has traded it.")
    for lived, kept in found.accounts:
        of = f"In {lived.account} ({lived.mode}), {lived.first} to {lived.last}"
        lines.append(
            f"{of}: {wording.percent(lived.total_return, 2, signed=True)}, deepest fall "
            f"{wording.percent(lived.max_drawdown, 2)}, {wording.count(lived.bets, 'closed bet')}."
        )
        lines += [
            f"  {each}" for each in (kept.says if kept else ("no promotion promises anything to hold it against",))
        ]
        if lived.beside:
            lines.append(
                f"  these are the returns of the whole account, which trades {', '.join(lived.beside)} as well"
            )
        lines += [f"  simulated: {each}" for each in lived.simulated]
    return tuple(lines)


def track_json(found: Track) -> dict[str, Any]:
    """For programs; what is not known is null."""
    promised = found.promotion
    return {
        "grade": found.grade.value,
        "promised": None
        if promised is None
        else {"to": promised.to, "at": promised.at.isoformat(), "numbers": dict(promised.numbers)},
        "lived": [
            {
                "account": lived.account,
                "mode": lived.mode,
                "simulated": list(lived.simulated),
                "beside": list(lived.beside),
                "first": lived.first.isoformat(),
                "last": lived.last.isoformat(),
                "days": lived.days,
                "sessions": len(lived.returns),
                "total_return": lived.total_return,
                "max_drawdown": lived.max_drawdown,
                "bets": lived.bets,
                "cost_measured": _known(lived.measured),
                "cost_modelled": _known(lived.modelled),
                "slippage_ratio": _known(lived.slippage_ratio),
                "promised_low": kept.low if kept else None,
                "promised_high": kept.high if kept else None,
                "sessions_below": kept.below if kept else None,
                "sessions_above": kept.above if kept else None,
                "verdict": list(kept.says) if kept else [],
            }
            for lived, kept in found.accounts
        ],
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
