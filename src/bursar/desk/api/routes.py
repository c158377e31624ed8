"""All routes of the API, group by group."""

from __future__ import annotations

from fastapi import APIRouter, Depends

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

router = APIRouter(prefix=PREFIX, dependencies=[Depends(known_parameters)])
for group in (*GROUPS, people.router, people.door):
    router.include_router(group)
