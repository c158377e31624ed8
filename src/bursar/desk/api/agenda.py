"""What is due when, in each market that the settings name."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from fastapi.responses import Response

from bursar.desk import diary
from bursar.desk.api.parts import TheDesk, Told, Viewer, stamped
from bursar.desk.api.problems import described
from bursar.desk.api.shapes import monitoring as shapes

router = APIRouter(tags=["monitoring"])


@router.get("/agenda", responses=described(tells=shapes.AgendaTold))
async def agenda(desk: TheDesk, caller: Viewer) -> Response:
    """Tell each market's tasks of today on its own clock, what was done of them, and what comes next."""
    keep = desk.home / "data" if desk.home else None
    told = await asyncio.to_thread(lambda: list(diary.diary(desk.settings, desk.past, desk.now(), keep)))
    rules = desk.settings.schedule
    return Told(stamped(desk, rebalance=rules.rebalance, missed=rules.missed, items=told))
