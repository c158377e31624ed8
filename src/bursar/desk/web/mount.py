"""Hangs the page on the application. NiceGUI has one application in a process, so that one desk has a page there."""

from __future__ import annotations

import secrets
from importlib import resources

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from bursar.errors import InputError

_shown: list[FastAPI] = []


def mount(app: FastAPI) -> None:
    """Show the page at ``/``, and the door at ``/sign-in``. Raises InputError where another desk is shown already."""
    from nicegui import ui

    from bursar.desk.web import page

    if _shown:
        raise InputError("a page is shown in this process already; start another process for another desk")
    files = resources.files("bursar.desk.web")
    door, style = (files.joinpath(name).read_text(encoding="utf-8") for name in ("sign_in.html", "page.css"))

    @app.get("/sign-in", include_in_schema=False)
    async def _door() -> Response:
        return HTMLResponse(door)

    @app.get("/desk/page.css", include_in_schema=False)
    async def _style() -> Response:
        return Response(style, media_type="text/css")

    @ui.page("/", title="Bursar")
    def _page(request: Request) -> object:
        return page.build(app, request)

    ui.run_with(
        app,
        title="Bursar",
        dark=None,
        storage_secret=secrets.token_urlsafe(32),
        show_welcome_message=False,
        tailwind=False,
    )
    _shown.append(app)
