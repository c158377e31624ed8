"""All routes of the API, group by group."""

from __future__ import annotations

from fastapi import Depends, FastAPI

from bursar.desk.api import (
    agenda,
    attribution,
    figures,
    ibkr,
    monitoring,
    optimization,
    people,
    portfolios,
    proposals,
    records,
    research,
    risk,
    safety,
    sizing,
    streams,
)
from bursar.desk.api.parts import known_parameters

#: Routes are tried one after the other: what pages and programs ask for each second comes first.
GROUPS = (
    monitoring.router,
    portfolios.router,
    ibkr.router,
    sizing.router,
    optimization.router,
    risk.router,
    agenda.router,
    attribution.router,
    proposals.router,
    research.router,
    records.router,
    safety.router,
    figures.router,
    streams.router,
)

#: Before the path of every route.
PREFIX = "/api/v1"


def add_to(app: FastAPI) -> None:
    """Hang all groups on ``app``, each by itself: a router between would be searched as well, for every request."""
    for group in (*GROUPS, people.router, people.door):
        app.include_router(group, prefix=PREFIX, dependencies=[Depends(known_parameters)])
