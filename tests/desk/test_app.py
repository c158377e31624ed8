"""The application: it stands on nothing, and says what is wrong in one shape."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import Depends

from bursar.desk.api.problems import MEDIA_TYPE
from bursar.desk.app import create_app
from bursar.desk.desk import Desk
from bursar.desk.guard.gate import allowed
from bursar.desk.guard.roles import Caller, Role
from bursar.errors import BrokerError, DataError, InputError, LedgerError, ProtocolError
from tests.desk.api.world import UNHURRIED


class Known:
    """Knows one caller."""

    def __init__(self, caller: Caller | None) -> None:
        self._caller = caller

    def caller(self, connection: object) -> Caller | None:
        return self._caller


def got(desk: Desk | None, path: str, error: Exception | None = None) -> httpx.Response:
    app = create_app(desk, limits=UNHURRIED)

    @app.get("/acts", dependencies=[Depends(allowed(Role.TRADER, step_up=True))])
    async def _acts() -> None:
        if error is not None:
            raise error

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_it_is_built_on_nothing_and_what_is_not_there_is_a_problem() -> None:
    answer = got(None, "/nowhere")
    assert (answer.status_code, answer.headers["content-type"]) == (404, MEDIA_TYPE)
    assert answer.json()["title"] == "not found"


@pytest.mark.parametrize(
    ("caller", "status"),
    [
        (None, 401),
        (Caller(user="a", role=Role.ANALYST, stepped_up=True), 403),
        (Caller(user="a", role=Role.TRADER), 403),
        (Caller(user="a", role=Role.TRADER, stepped_up=True), 200),
        (Caller(user="a", role=Role.ADMIN, stepped_up=True), 200),
    ],
)
def test_the_gate_asks_for_a_role_and_where_money_moves_for_a_second_factor(caller: Caller | None, status: int) -> None:
    assert got(Desk(authenticator=Known(caller)), "/acts").status_code == status


def test_a_desk_without_an_authenticator_lets_nobody_in() -> None:
    assert got(Desk(), "/acts").status_code == 401


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("mend it"), 422),
        (DataError("no price"), 409),
        (BrokerError("refused"), 502),
        (BrokerError("away", retryable=True), 503),
        (ProtocolError("noise"), 502),
        (LedgerError("unbalanced"), 503),
        (OSError(28, "No space left on device"), 503),
        (RuntimeError("secret"), 500),
    ],
)
def test_each_error_has_one_status_and_a_fault_of_our_own_tells_nothing(error: Exception, status: int) -> None:
    admin = Known(Caller(user="a", role=Role.ADMIN, stepped_up=True))
    answer = got(Desk(authenticator=admin), "/acts", error)
    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert "secret" not in answer.text
