"""The desk as a web application: the API, the streams and the page on one port."""

from __future__ import annotations

from fastapi import FastAPI

import bursar
from bursar.desk.api import problems
from bursar.desk.api.acting import Once
from bursar.desk.api.routes import router
from bursar.desk.desk import Desk
from bursar.desk.guard.shield import Shield

DESCRIPTION = """\
A portfolio manager for Interactive Brokers. Money is text with all of its digits, moments are UTC, and keys that end in
`_pct` are percent. Whatever acts takes an `Idempotency-Key`; problems are told as RFC 9457 says.
"""


def create_app(desk: Desk | None = None) -> FastAPI:
    """The application over ``desk``, or over nothing: it then answers, shows empty books, and lets nobody in."""
    app = FastAPI(
        title="Bursar",
        version=bursar.__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    app.state.desk = desk or Desk()
    app.state.once = Once()
    problems.install(app)
    app.add_middleware(Shield)
    app.include_router(router)
    return app
