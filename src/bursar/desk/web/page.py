"""The first page, painted each second from what the API tells whoever is signed in.

The page asks the API as any caller does, with the session of its own browser and over the same guard; that it does so
within the process saves only the wire. It therefore shows what the API says and can do no more than the API allows.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse
from nicegui import ui
from sqlalchemy.exc import SQLAlchemyError

from bursar.desk.client import Client, DeskProblem, Locked, Order
from bursar.desk.guard.door import brought, cookie_name
from bursar.desk.guard.roles import Role
from bursar.desk.web import paint
from bursar.errors import AwayError

#: How often the page looks, in seconds, and how many looks its little chart holds.
LOOK_S, LOOKS_MAX = 1.0, 600
_ALERTS = 8
#: So many commands are followed until the loop has taken them.
_FOLLOWED_MAX = 10

_ACTS = """
<script>
// An order is canceled by the button in its row, which the page asks about first.
document.addEventListener("click", event => {
  const button = event.target.closest ? event.target.closest("button.cancel") : null;
  if (button) emitEvent("cancel", button.dataset.order);
});
// A switch that acts only when it is held: a slip of the finger stops nothing, and nothing is asked twice.
(() => {
  let timer = null, held = null;
  const begin = button => {
    if (held) return;
    held = button; button.classList.add("held");
    timer = setTimeout(() => { const form = button.dataset.form; end(); emitEvent("held", form); }, 1500);
  };
  const end = () => { clearTimeout(timer); if (held) held.classList.remove("held"); held = null; };
  const of = event => event.target.closest ? event.target.closest("button.hold") : null;
  document.addEventListener("pointerdown", event => { const button = of(event); if (button) begin(button); });
  for (const name of ["pointerup", "pointercancel", "blur"]) window.addEventListener(name, end);
  document.addEventListener("keydown", event => {
    const button = of(event);
    if (!button || ![" ", "Enter"].includes(event.key)) return;
    event.preventDefault();
    if (!event.repeat) begin(button);
  });
  document.addEventListener("keyup", end);
})();
</script>
"""


def build(app: FastAPI, request: Request) -> RedirectResponse | None:
    """Put the page together for one browser; who is not signed in is sent to the door."""
    secret = brought(request)
    guard = app.state.desk.guard
    try:
        caller = guard.caller(secret) if guard and secret else None
    except (SQLAlchemyError, AwayError):
        caller = None  # nobody can be known while the database is away, which the door says
    if caller is None or caller.must_change:
        return RedirectResponse("/sign-in", 303)
    ui.add_head_html(
        '<link rel="stylesheet" href="/desk/page.css"><script>document.documentElement.lang = "en";</script>'
    )
    ui.add_body_html(_ACTS)
    Page(app, request, secret).show()
    return None


class Page:
    """One browser's page."""

    def __init__(self, app: FastAPI, request: Request, secret: str) -> None:
        self._client = Client(
            str(request.base_url).rstrip("/"),
            cookies={cookie_name(request): secret},
            transport=httpx.ASGITransport(app, client=(request.client.host if request.client else "page", 0)),
        )
        self._values: deque[float] = deque(maxlen=LOOKS_MAX)
        self._painted: dict[str, str] = {}
        self._parts: dict[str, ui.html] = {}
        self._waiting: tuple[str, ...] = ()
        self._over = False
        self._role: Role | None = None
        self._orders: dict[str, Order] = {}
        self._sent: list[str] = []
        self._locked: Locked | None = None

    # ------------------------------------------------------------ once

    def show(self) -> None:
        """Lay the page out, and look at once and then each second."""
        dark = ui.dark_mode(None)
        self._parts["band"] = _html("band").props('role="status"')
        self._parts["away"] = _html("away").props('role="alert"')
        with ui.element("div").classes("desk"):
            self._door = _button("Type the phrase…", self._ask_phrase, kind="act")
            self._door.set_visibility(False)
            with ui.element("header").classes("top"):
                _html("", "<h1>Bursar</h1>")
                for name in ("line", "trading"):
                    self._parts[name] = _html("").props('role="status"')
                ui.element("span").classes("space")
                _button("Dark or light", lambda: _toggle(dark))
                _button("Sign out", self._sign_out)
            with ui.element("div").classes("grid"):
                with ui.element("div").classes("column"):
                    for name in ("worth", "positions", "orders", "risk"):
                        with ui.element("section").classes(f"card {name}"):
                            self._parts[name] = _html("")
                with ui.element("div").classes("column"):
                    with ui.element("section").classes("card proposals"):
                        _html("", "<h2>Waiting for your tap</h2>")
                        self._proposals = ui.element("div").style("width: 100%")
                    with ui.element("section").classes("card switch"):
                        self._switch()
                    with ui.element("section").classes("card alerted"):
                        self._parts["alerts"] = _html("")
            self._parts["fine"] = _html("fine")
        ui.on("held", self._held)
        ui.on("cancel", self._ask_cancel)
        ui.timer(LOOK_S, self.look)
        ui.context.client.on_delete(self._client.close)

    def _switch(self) -> None:
        _html("", "<h2>Kill switch</h2>")
        self._parts["stopped"] = _html("").props('role="status"')
        self._parts["holds"] = _html("holds")
        self._rearm = _button("Re-arm…", self._ask_rearm, kind="act")
        self._rearm.set_visibility(False)

    # ------------------------------------------------------------ each second

    async def look(self) -> None:
        """Ask, and paint what has changed."""
        if self._over:
            return
        try:
            if self._role is None:
                self._role = Role[(await self._client.me())["role"].upper()]
            status, health = await self._client.status(), await self._client.get("health")
            trading = await self._client.get("trading")
            snapshot = await self._snapshot()
            orders = await self._client.orders(working=True)
            proposals = await self._client.proposals("pending")
            alerts = await self._client.every("monitoring/alerts")
        except DeskProblem as problem:
            if problem.status == 401:
                self._leave()
            else:
                # Whose money it is stays said, and so does what was known before, with its time.
                self._paint("away", paint.unanswered(problem))
            return
        self._paint("band", *paint.band(status))
        self._paint("away", paint.away(health["away"]))
        self._locked = status["locked"]
        self._door.set_visibility(self._locked is not None and self._acts)
        self._paint("line", paint.line(status))
        self._paint("trading", paint.trading(status, health["trades"]))
        items = snapshot.get("items", ())
        if items:
            self._values.append(sum(each["equity"] or 0.0 for each in items))
        self._paint("worth", paint.worth(snapshot, tuple(self._values), status["prices_at"]))
        self._paint("positions", paint.positions(snapshot))
        self._paint("risk", paint.risk(snapshot))
        self._orders = {each["order_id"]: each for each in orders}
        self._paint("orders", paint.orders(orders, acts=self._acts))
        self._paint("alerts", paint.alerts(alerts[: -_ALERTS - 1 : -1]))
        self._paint("fine", paint.fine(status))
        self._paint("stopped", paint.stopped(trading))
        self._paint("holds", paint.holds() if self._acts else paint.watches(self._role.word))
        self._rearm.set_visibility(status["trading"] != "active" and self._role is Role.ADMIN)
        self._list(proposals, items[0]["currency"] if items else "")
        await self._follow()

    @property
    def _acts(self) -> bool:
        """Whether whoever looks may send, cancel and stop. The API asks again, whatever the page shows."""
        return self._role in (Role.TRADER, Role.ADMIN)

    async def _follow(self) -> None:
        """Say what the loop did not do of what was asked for here; what it did shows by itself."""
        for command in tuple(self._sent):
            try:
                told = await self._client.get(f"commands/{command}")
            except DeskProblem:
                continue
            if told["state"] == "taken":
                self._sent.remove(command)
                for why in paint.refusals(told["effects"]):
                    _wrong(why)

    async def _snapshot(self) -> dict[str, Any]:
        """What was seen at the last second; why nothing was, where nothing was."""
        try:
            return await self._client.snapshot()
        except DeskProblem as problem:
            if problem.status != 409:
                raise
            return {"detail": problem.detail or problem.title}

    def _paint(self, name: str, content: str, kind: str = "") -> None:
        part = self._parts[name]
        if self._painted.get(name) == f"{kind}\n{content}":
            return
        self._painted[name] = f"{kind}\n{content}"
        part.set_content(content)
        if name == "band":
            part.classes(replace=f"band {kind}")

    def _list(self, proposals: Any, currency: str) -> None:
        waiting = tuple(f"{each['proposal']} {each['tap_refused']}" for each in proposals)
        if waiting == self._waiting and self._painted.get("proposals"):
            return
        self._waiting, self._painted["proposals"] = waiting, "painted"
        self._proposals.clear()
        with self._proposals:
            if not proposals:
                _html("", "<p class='none'>nothing waits</p>")
            for each in proposals:
                with ui.element("div").classes("proposal"):
                    _html("", paint.summary(each))
                    says = "Look and decide" if self._acts else "Look"
                    _button(says, partial(self._confirm, each, currency), kind="act")

    # ------------------------------------------------------------ what acts

    async def _confirm(self, each: Any, currency: str) -> None:
        with _dialog(f"{each['strategy']}: {each['proposal']}") as dialog, ui.card():
            _html("", f"<h2>{paint.text(each['strategy'])}: {paint.text(each['proposal'])}</h2>")
            _html("", paint.proposal(each, currency))
            with ui.row():
                if self._acts:
                    _button("Yes, send these orders", lambda: dialog.submit("yes"), kind="act")
                _button("Not now", dialog.close)
        said = await dialog
        dialog.delete()
        if said == "yes":
            # The proposal names the intention: however often it is tapped, its orders are sent once.
            key = f"tap-{each['proposal']}"
            await self._do(lambda: self._client.execute(each["proposal"], key=key), f"{each['proposal']} is on its way")

    async def _ask_cancel(self, event: Any) -> None:
        order = self._orders.get(str(event.args))
        if order is None:
            _wrong("this order does not work any more")
            return
        if why := order["cancel_refused"]:
            _wrong(f"{order['order_id']} {why}")
            return
        with _dialog("Cancel this order?") as dialog, ui.card():
            _html("", f"<h2>Cancel this order?</h2>{paint.order(order)}")
            reason = _field("Why?", lambda: dialog.submit(reason.value))
            with ui.row():
                _button("Cancel the order", lambda: dialog.submit(reason.value), kind="act")
                _button("Let it work", dialog.close)
        said = await dialog
        dialog.delete()
        if said is not None:
            name, why = order["order_id"], said.strip() or "asked for on the page"
            await self._do(
                lambda: self._client.cancel(name, why), f"asked to cancel {name}: it is taken at the next look"
            )

    async def _held(self, event: Any) -> None:
        form = "flatten" if event.args == "flatten" else "halt"
        await self._do(
            lambda: self._client.kill("held on the page", flatten=form == "flatten"),
            "stopping: entries are canceled" + (" and positions closed" if form == "flatten" else ""),
        )

    async def _ask_rearm(self) -> None:
        with _dialog("Let the account trade again") as dialog, ui.card():
            _html("", "<h2>Let the account trade again</h2>")
            reason = _field("What happened, and what changed?", lambda: dialog.submit(reason.value))
            with ui.row():
                _button("Re-arm", lambda: dialog.submit(reason.value), kind="act")
                _button("Not yet", dialog.close)
        said = await dialog
        dialog.delete()
        if said:
            await self._do(lambda: self._client.rearm(said), "asked: the loop decides whether it may yet")

    async def _ask_phrase(self) -> None:
        locked = self._locked
        if locked is None:
            return
        says = f"Let orders reach {locked['account']}"
        with _dialog(says) as dialog, ui.card():
            _html("", paint.door(locked["account"]))
            phrase = _field("The phrase", lambda: dialog.submit(phrase.value))
            with ui.row():
                _button("Trade real money", lambda: dialog.submit(phrase.value), kind="act real")
                _button("Not now", dialog.close)
        said = await dialog
        dialog.delete()
        if said:
            done = f"the program that trades {locked['account']} is being started"
            await self._do(lambda: self._client.unlock(locked["name"], said), done)

    async def _do(self, act: Callable[[], Awaitable[Mapping[str, object]]], done: str) -> None:
        """Act; where the password is asked for once more, ask for it and act then."""
        try:
            sent = await act()
        except DeskProblem as problem:
            if problem.title != "show that it is you":
                _wrong(str(problem))
            elif await self._step_up():
                await self._do(act, done)
            return
        command = sent.get("command")
        if isinstance(command, str):
            self._sent = [*self._sent, command][-_FOLLOWED_MAX:]
        ui.notify(done, classes="told")

    async def _step_up(self) -> bool:
        with _dialog("Show that it is you") as dialog, ui.card():
            _html("", "<h2>Show that it is you</h2>")

            def show() -> None:
                dialog.submit((password.value, code.value))

            password = _field("Password", show, password=True)
            code = _field("Code of your second factor", show)
            _html("", "<p class='fine'>The code only where you have set up a second factor.</p>")
            with ui.row():
                _button("Go on", show, kind="act")
                _button("Leave it", dialog.close)
        said = await dialog
        dialog.delete()
        if not said:
            _wrong("nothing was done: it was not shown who asks")
            return False
        try:
            await self._client.step_up(*said)
        except DeskProblem as problem:
            _wrong(f"nothing was done: {problem.detail or problem.title}")
            return False
        return True

    async def _sign_out(self) -> None:
        await self._client.post("sign-out")
        self._leave()

    def _leave(self) -> None:
        self._over = True
        ui.navigate.to("/sign-in")


def _toggle(dark: ui.dark_mode) -> None:
    """Light after dark and dark after light; the first time from what the browser prefers."""
    dark.set_value(not dark.value if dark.value is not None else True)


def _dialog(about: str) -> ui.dialog:
    """A dialog, with its name for who cannot see it."""
    return ui.dialog().props(f"aria-label={json.dumps(about)}")


def _field(says: str, enter: Callable[[], None], *, password: bool = False) -> ui.input:
    """A field to be filled in; the key that ends a line is as good as the button below."""
    field = ui.input(says, password=password).on("keydown.enter", enter)
    return field.props('autocomplete="current-password"' if password else 'autocomplete="off"')


def _wrong(why: str) -> None:
    """Say what was not done, and why, until it was read."""
    ui.notify(why, classes="told wrong", multi_line=True, timeout=0, close_button="OK")


def _button(says: str, act: Callable[..., Any], *, kind: str = "quiet") -> ui.button:
    """A button: ``act`` for what is wanted here, quiet for the rest."""
    # Without a color of the framework's, which would win over that of the page.
    return ui.button(says, on_click=act, color=None).props("unelevated no-caps").classes(kind)


def _html(kind: str, content: str = "") -> ui.html:
    """A part of the page. Its content comes from ``paint``, which escapes what is not ours."""
    part = ui.html(content, sanitize=False)
    return part.classes(kind) if kind else part
