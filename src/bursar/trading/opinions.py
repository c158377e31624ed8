"""Whose opinion counts when a strategy decides: the committee's where it has one, the analysts' where it has none."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bursar.domain.events import CommitteeMet
from bursar.domain.views import View


def heard(
    views: Iterable[View], meeting: CommitteeMet | None, since: datetime, *, without_quorum: bool
) -> tuple[View, ...]:
    """The views of today, by analyst and symbol.

    Where a meeting since then had a quorum on anything, its pooled views stand for all, and what had no quorum has no
    opinion. Where it had one on nothing the analysts' own views count, if ``without_quorum`` allows it; those that read
    nothing of their own are left out, since they only answer the others.
    """
    fresh = sorted((view for view in views if view.known_at >= since), key=lambda view: (view.analyst, view.symbol))
    if meeting is None or meeting.at < since:
        return tuple(fresh)
    pooled = meeting.pooled()
    if pooled:
        return pooled
    if not without_quorum:
        return ()
    answering = {seat.analyst for seat in meeting.seats if not seat.reads}
    return tuple(view for view in fresh if view.analyst not in answering)
