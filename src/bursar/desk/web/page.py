"""The first page, painted each second from what the API tells whoever is signed in.

The page asks the API as any caller does, with the session of its own browser and over the same guard; that it does so
within the process saves only the wire. It therefore shows what the API says and can do no more than the API allows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import httpx
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse
from nicegui import ui

from bursar.desk.client import Client, DeskProblem
from bursar.desk.guard.door import brought, cookie_name
from bursar.desk.web import paint

#: How often the page looks, in seconds, and how many looks its little chart holds.
LOOK_S, LOOKS_MAX = 1.0, 600
_ALERTS = 8

_HOLD = """
<script>
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
    caller = guard.caller(secret) if guard and secret else None
    if caller is None or caller.must_change:
        return RedirectResponse("/sign-in", 303)
    ui.add_head_html(
        '<link rel="stylesheet" href="/desk/page.css"><script>document.documentElement.lang = "en";</script>'
    )
    ui.add_body_html(_HOLD)
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

    # ------------------------------------------------------------ once

    def show(self) -> None:
        """Lay the page out, and look at once and then each second."""
        dark = ui.dark_mode(None)
        self._parts["band"] = _html("band").props('role="status"')
        self._parts["away"] = _html("away").props('role="alert"')
        with ui.element("div").classes("desk"):
            with ui.element("header").classes("top"):
                _html("", "<h1>Bursar</h1>")
                for name in ("line", "trading"):
                    self._parts[name] = _html("")
                ui.element("span").classes("space")
                _button("Dark or light", lambda: _toggle(dark))
                _button("Sign out", self._sign_out)
            with ui.element("div").classes("grid"):
                with ui.element("div").classes("column"):
                    for name in ("worth", "positions", "risk", "orders"):
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
        ui.timer(LOOK_S, self.look)
        ui.context.client.on_delete(self._client.close)

    def _switch(self) -> None:
        _html("", "<h2>Kill switch</h2>")
        self._parts["stopped"] = _html("")
        for form, says in (("halt", "Hold to halt, keep protection"), ("flatten", "Hold to close every position")):
            _html("", f"<button type='button' class='hold' data-form='{form}'><span>{says}</span></button>")
        self._rearm = _button("Re-arm…", self._ask_rearm)
        self._rearm.set_visibility(False)

    # ------------------------------------------------------------ each second

    async def look(self) -> None:
        """Ask, and paint what has changed."""
        if self._over:
            return
        try:
            status, health = await self._client.status(), await self._client.get("health")
            snapshot = await self._snapshot()
            orders = await self._client.orders(working=True)
            proposals = await self._client.proposals("pending")
            alerts = await self._client.every("monitoring/alerts")
        except DeskProblem as problem:
            if problem.status == 401:
                self._leave()
            else:
                self._paint("band", paint.text(problem), "away")
            return
        self._paint("band", *paint.band(status))
        self._paint("away", paint.away(health["away"]))
        self._paint("line", paint.line(status))
        self._paint("trading", paint.trading(status))
        if items := snapshot.get("items"):
            self._values.append(sum(each["equity"] or 0.0 for each in items))
        self._paint("worth", paint.worth(snapshot, tuple(self._values)))
        self._paint("positions", paint.positions(snapshot))
        self._paint("risk", paint.risk(snapshot))
        self._paint("orders", paint.orders(orders))
        self._paint("alerts", paint.alerts(alerts[: -_ALERTS - 1 : -1]))
        self._paint("fine", paint.fine(status))
        stopped = status["trading"] != "active"
        self._paint("stopped", f"<p class='stopped'>Trading is {paint.text(status['trading'])}.</p>" if stopped else "")
        self._rearm.set_visibility(stopped)
        self._list(proposals)

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

    def _list(self, proposals: Any) -> None:
        waiting = tuple(each["proposal"] for each in proposals)
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
                    _button("Look and decide", partial(self._confirm, each), kind="act")

    # ------------------------------------------------------------ what acts

    async def _confirm(self, each: Any) -> None:
        with ui.dialog() as dialog, ui.card():
            _html("", f"<h2>{paint.text(each['strategy'])}: {paint.text(each['proposal'])}</h2>{paint.proposal(each)}")
            with ui.row():
                _button("Yes, send these orders", lambda: dialog.submit("yes"), kind="act")
                _button("Not now", dialog.close)
        said = await dialog
        dialog.delete()
        if said == "yes":
            # The proposal names the intention: however often it is tapped, its orders are sent once.
            key = f"tap-{each['proposal']}"
            await self._do(lambda: self._client.execute(each["proposal"], key=key), "on its way")

    async def _held(self, event: Any) -> None:
        form = "flatten" if event.args == "flatten" else "halt"
        await self._do(
            lambda: self._client.kill("held on the page", flatten=form == "flatten"),
            "stopping: entries are canceled" + (" and positions closed" if form == "flatten" else ""),
        )

    async def _ask_rearm(self) -> None:
        with ui.dialog() as dialog, ui.card():
            _html("", "<h2>Let the account trade again</h2>")
            reason = ui.input("What happened, and what changed?").classes("w-full")
            _button("Re-arm", lambda: dialog.submit(reason.value), kind="act")
        said = await dialog
        dialog.delete()
        if said:
            await self._do(lambda: self._client.rearm(said), "asked: the loop decides whether it may yet")

    async def _do(self, act: Callable[[], Awaitable[object]], done: str) -> None:
        """Act; where the password is asked for once more, ask for it and act then."""
        try:
            await act()
        except DeskProblem as problem:
            if problem.title == "show that it is you" and await self._step_up():
                await self._do(act, done)
                return
            ui.notify(str(problem), classes="told wrong", multi_line=True)
            return
        ui.notify(done, classes="told")

    async def _step_up(self) -> bool:
        with ui.dialog() as dialog, ui.card():
            _html("", "<h2>Show that it is you</h2>")
            password = ui.input("Password", password=True).props('autocomplete="current-password"').classes("w-full")
            code = ui.input("Code of your second factor, if you have one").classes("w-full")
            _button("Go on", lambda: dialog.submit((password.value, code.value)), kind="act")
        said = await dialog
        dialog.delete()
        if not said:
            return False
        try:
            await self._client.step_up(*said)
        except DeskProblem as problem:
            ui.notify(str(problem), classes="told wrong")
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


def _button(says: str, act: Callable[..., Any], *, kind: str = "quiet") -> ui.button:
    """A button: ``act`` for what is wanted here, quiet for the rest."""
    # Without a color of the framework's, which would win over that of the page.
    return ui.button(says, on_click=act, color=None).props("unelevated no-caps").classes(kind)


def _html(kind: str, content: str = "") -> ui.html:
    """A part of the page. Its content comes from ``paint``, which escapes what is not ours."""
    part = ui.html(content, sanitize=False)
    return part.classes(kind) if kind else part
