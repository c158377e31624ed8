"""Coming in over HTTP: the cookie, the token, and what each may do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import httpx
import pyotp
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from bursar.adapters.memory import MemoryJournal
from bursar.adapters.memory_people import MemoryPasses, MemoryPeople
from bursar.desk.api import people
from bursar.desk.app import create_app
from bursar.desk.desk import Desk
from bursar.desk.guard.gate import Allowed
from bursar.desk.guard.guard import Guard
from bursar.domain.events import AccessChanged, Event, SignedIn, SignInRefused
from bursar.domain.people import Role
from bursar.domain.record import encode
from bursar.ports import Recorded
from tests.desk.api.shaped import check
from tests.desk.api.world import UNHURRIED, gate_of
from tests.desk.guard.test_guard import CHEAP, OWN
from tests.samples import AT

API = "/api/v1"


@cache
def app() -> FastAPI:
    """One application for all: to build its routes takes longer than any test here."""
    return create_app(limits=UNHURRIED)


def _look(answer: httpx.Response) -> None:
    """See that an answer is of its shape."""
    answer.read()
    check(answer)


class House:
    """A desk with people, and browsers that ask it."""

    def __init__(self) -> None:
        self.at: datetime = AT
        self.guard = Guard(MemoryPeople(), MemoryPasses(), lambda: self.at, passwords=CHEAP, ticks=self.ticks)
        self.desk = Desk(guard=self.guard, now=lambda: self.at)
        self.app = app()
        self.app.state.desk = self.desk

    def ticks(self) -> float:
        return self.at.timestamp()

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def browser(self, url: str = "http://127.0.0.1") -> TestClient:
        client = TestClient(self.app, base_url=url)
        client.event_hooks = {"response": [_look]}
        return client

    def signed_in(self, name: str = "owner", role: Role = Role.ADMIN, *, step_up: bool = False) -> TestClient:
        """A browser of somebody new, with a password of their own."""
        once, _ = self.guard.add(name, role, by="a test")
        browser = self.browser()
        assert came_in(browser, name, once).json()["must_change"]
        assert browser.post(f"{API}/me/password", json={"old": once, "new": OWN}).status_code == 204
        if step_up:
            assert browser.post(f"{API}/me/step-up", json={"password": OWN}).status_code == 200
        return browser

    def kept(self, kind: type) -> list[Any]:
        return [each.event for each in self.desk.noted if isinstance(each.event, kind)]


def came_in(browser: TestClient, name: str, password: str, code: str = "") -> Any:
    return browser.post(f"{API}/sign-in", json={"name": name, "password": password, "code": code})


@pytest.fixture
def house() -> House:
    return House()


@contextmanager
def bearer(house: House, secret: str) -> Iterator[TestClient]:
    yield TestClient(house.app, base_url="http://127.0.0.1", headers={"authorization": f"Bearer {secret}"})


# ---------------------------------------------------------------- the first hour


def test_a_first_password_opens_nothing_but_the_change_of_it(house: House) -> None:
    once = (house.guard.first_password() or ("", ()))[0]
    browser = house.browser()
    answer = came_in(browser, "admin", once)
    assert (answer.status_code, answer.json()["role"]) == (200, "admin")
    assert browser.get(f"{API}/portfolios").json()["title"] == "choose a password first"
    assert browser.post(f"{API}/me/password", json={"old": once, "new": "short"}).status_code == 422
    assert browser.post(f"{API}/me/password", json={"old": once, "new": OWN}).status_code == 204
    assert browser.get(f"{API}/portfolios").status_code == 200


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(house: House) -> None:
    once, _ = house.guard.add("owner", Role.ADMIN, by="a test")
    plain = came_in(house.browser(), "owner", once).headers["set-cookie"]
    assert plain.startswith("bursar_session=")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(plain.split("; "))
    secure = came_in(house.browser("https://127.0.0.1"), "owner", once).headers["set-cookie"]
    assert secure.startswith("__Host-bursar_session=")
    assert "Secure" in secure.split("; ")


def test_who_signs_out_is_out_with_the_old_cookie_too(house: House) -> None:
    browser = house.signed_in()
    stolen = dict(browser.cookies)
    assert browser.post(f"{API}/sign-out").status_code == 204
    other = house.browser()
    other.cookies.update(stolen)
    assert other.get(f"{API}/me").status_code == 401


def test_a_cookie_that_was_planted_before_is_replaced_and_worth_nothing(house: House) -> None:
    browser = house.browser()
    browser.cookies.set("bursar_session", "planted", domain="127.0.0.1", path="/")
    once, _ = house.guard.add("owner", Role.ADMIN, by="a test")
    came_in(browser, "owner", once)
    planted = house.browser()
    planted.cookies.set("bursar_session", "planted")
    assert planted.get(f"{API}/me").status_code == 401


def test_a_session_that_is_over_lets_nobody_in(house: House) -> None:
    browser = house.signed_in()
    house.wait(house.guard.terms.session.total_seconds())
    assert browser.get(f"{API}/me").status_code == 401


# ---------------------------------------------------------------- wrong and again


def test_wrong_passwords_are_answered_alike_and_ever_more_slowly(house: House) -> None:
    house.signed_in()
    browser = house.browser()
    answers = [came_in(browser, "owner", "a wrong password") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [401] * 6 + [429]
    assert came_in(browser, "nobody-at-all", "a wrong password").json() == answers[0].json()
    assert int(answers[6].headers["retry-after"]) >= 1
    assert [event.person for event in house.kept(SignInRefused)] == ["owner"] * 6 + [""]


def test_the_second_factor_from_its_offer_to_a_sign_in(house: House) -> None:
    browser = house.signed_in()
    assert browser.post(f"{API}/me/factor").json()["title"] == "show that it is you"
    browser.post(f"{API}/me/step-up", json={"password": OWN})
    maker = pyotp.parse_uri(browser.post(f"{API}/me/factor").json()["address"])
    assert isinstance(maker, pyotp.TOTP)
    assert browser.put(f"{API}/me/factor", json={"code": "no code"}).status_code == 422
    recovery = browser.put(f"{API}/me/factor", json={"code": maker.at(house.at)}).json()["recovery"]
    assert browser.get(f"{API}/me").json()["second_factor"]
    other = house.browser()
    assert came_in(other, "owner", OWN).json()["title"] == "a code is wanted"
    house.wait(60)
    code = maker.at(house.at)
    assert came_in(other, "owner", OWN, code).status_code == 200
    assert came_in(house.browser(), "owner", OWN, code).status_code == 401, "no code twice"
    assert came_in(house.browser(), "owner", OWN, recovery[0]).status_code == 200


# ---------------------------------------------------------------- tokens


def test_a_token_does_what_its_scopes_say_and_is_shown_once(house: House) -> None:
    browser = house.signed_in(step_up=True)
    wanted = {"label": "a notebook", "days": 30, "scopes": ["portfolios:read"]}
    made = browser.post(f"{API}/me/tokens", json=wanted).json()
    with bearer(house, made["token"]) as program:
        assert program.get(f"{API}/portfolios").status_code == 200
        assert program.get(f"{API}/ibkr/status").status_code == 403
        assert program.post(f"{API}/portfolios", json={}).status_code in (403, 422)
        assert program.post(f"{API}/me/tokens", json=wanted).status_code == 403
    listed = browser.get(f"{API}/me/passes").json()["items"]
    assert made["token"] not in json.dumps(listed)
    assert browser.delete(f"{API}/me/passes/{made['id']}").status_code == 204
    with bearer(house, made["token"]) as program:
        assert program.get(f"{API}/portfolios").status_code == 401


@pytest.mark.parametrize("scope", ["everything", "orders:send", "*:*", "portfolio:only-one-part", "<script>:read"])
def test_a_scope_that_says_nothing_is_refused(house: House, scope: str) -> None:
    browser = house.signed_in(step_up=True)
    wanted = {"label": "x", "days": 1, "scopes": [scope]}
    assert browser.post(f"{API}/me/tokens", json=wanted).status_code == 422


def test_a_sessions_secret_is_not_taken_from_a_header_nor_a_token_from_a_cookie_for_less(house: House) -> None:
    browser = house.signed_in()
    secret = browser.cookies["bursar_session"]
    with bearer(house, secret) as program:
        assert program.get(f"{API}/me").status_code == 401


# ---------------------------------------------------------------- others


def test_an_admin_lets_in_changes_and_removes_and_all_of_it_is_written_down(house: House) -> None:
    admin = house.signed_in(step_up=True)
    made = admin.post(f"{API}/people", json={"name": "Guest", "role": "viewer"})
    assert made.status_code == 201
    guest = house.browser()
    came_in(guest, "guest", made.json()["password"])
    guest.post(f"{API}/me/password", json={"old": made.json()["password"], "new": OWN})
    assert guest.get(f"{API}/people").status_code == 403
    seen = admin.get(f"{API}/people/guest")
    change = {"role": "trader"}
    assert admin.patch(f"{API}/people/guest", json=change).status_code == 428
    stale = admin.patch(f"{API}/people/guest", json=change, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    done = admin.patch(f"{API}/people/guest", json=change, headers={"If-Match": seen.headers["etag"]})
    assert done.json()["role"] == "trader"
    assert guest.get(f"{API}/me").json()["role"] == "trader"
    theirs = [each["id"] for each in seen.json()["passes"]]
    assert admin.delete(f"{API}/people/guest/passes/{theirs[0]}").status_code == 204
    assert guest.get(f"{API}/me").status_code == 401
    assert admin.post(f"{API}/people/guest/reset").json()["password"] != made.json()["password"]
    assert admin.delete(f"{API}/people/guest").status_code == 204
    assert admin.get(f"{API}/people/guest").status_code == 404
    assert admin.delete(f"{API}/people/owner").json()["detail"].startswith("owner is the last admin")
    assert [event.what for event in house.kept(AccessChanged) if event.whom == "guest"] == [
        "person_added", "password", "role", "pass_revoked", "password", "person_removed",
    ]  # fmt: skip


def test_an_admin_who_does_not_show_it_again_changes_nobody(house: House) -> None:
    admin = house.signed_in()
    assert admin.post(f"{API}/people", json={"name": "guest", "role": "viewer"}).status_code == 403
    assert [person.name for person in house.guard.people.all()] == ["owner"]


# ---------------------------------------------------------------- nothing secret


def test_no_secret_is_answered_journalled_or_said_in_a_refusal(house: House, caplog: pytest.LogCaptureFixture) -> None:
    browser = house.signed_in(step_up=True)
    token = browser.post(f"{API}/me/tokens", json={"label": "x", "days": 1}).json()["token"]
    answers: list[Any] = [
        came_in(browser, "owner", "a wrong password that must not come back"),
        browser.post(f"{API}/me/password", json={"old": OWN, "new": "too-short"}),
        browser.post(f"{API}/me/password", json={"old": OWN, "new": 7}),
        browser.post(f"{API}/sign-in", json={"name": "owner", "password": "x" * 300}),
        browser.get(f"{API}/me/passes"),
        browser.get(f"{API}/people/owner"),
    ]
    said = "".join(answer.text for answer in answers) + caplog.text
    said += "".join(encode(each.event).decode() for each in house.desk.noted)
    said += repr(house.guard.people.all()) + repr(house.guard.passes_of("owner"))
    secrets = (OWN, token, browser.cookies["bursar_session"], "must not come back", "too-short", "x" * 300, "argon2")
    assert not [secret for secret in secrets if secret in said]
    assert house.kept(SignedIn), "and yet what happened is written down"


def test_a_desk_without_people_says_so(house: House) -> None:
    alone = TestClient(create_app(), base_url="http://127.0.0.1")
    assert came_in(alone, "admin", "whatever").status_code == 503
    assert alone.get(f"{API}/me").status_code == 401


# ---------------------------------------------------------------- every route


WALKED = [(route, gate_of(route.dependant)) for route in people.router.routes if isinstance(route, APIRoute)]


@pytest.mark.parametrize(("route", "gate"), WALKED, ids=lambda each: getattr(each, "name", ""))
def test_each_route_of_people_stands_behind_its_gate(house: House, route: APIRoute, gate: Allowed | None) -> None:
    assert gate is not None, "it stands behind none"
    path = f"{API}{route.path}".replace("{name}", "owner").replace("{pass_id}", "none")
    (method,) = route.methods or {"none"}

    def answered(browser: TestClient) -> Any:
        return browser.request(method, path).status_code

    assert answered(house.browser()) == 401
    with bearer(house, "bursar_expired") as program:
        assert answered(program) == 401
    house.signed_in()
    for role in Role:
        status = answered(house.signed_in(f"some-{role.word}", role))
        assert (status == 403) == (role < gate.role or gate.step_up), (role, status)


def test_the_only_open_route_is_the_door() -> None:
    assert [route.path for route in people.door.routes if isinstance(route, APIRoute)] == ["/sign-in"]


def test_two_who_write_at_once_get_two_numbers() -> None:
    class Slow(MemoryJournal):
        async def append(self, events: Sequence[Event]) -> tuple[Recorded, ...]:
            await asyncio.sleep(0)
            return await super().append(events)

    async def both(desk: Desk) -> None:
        await asyncio.gather(*(desk.note("owner", "look", {}) for _ in range(3)))

    desk = Desk(notes=Slow())
    asyncio.run(both(desk))
    assert len({each.event.event_id for each in desk.noted}) == 3
