"""Flask in its own environment: answers the requests of _harness.Worker with the snapshot that ours answers.

It is given what the monitor saw, as a file, and makes the same JSON of it for each request behind one check of a token.
Nothing is kept between two requests. It is called as a server would call it, without a socket.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

# The library lives in its own environment.
from flask import Flask, Response, abort, jsonify, request  # type: ignore[import-not-found]
from werkzeug.test import EnvironBuilder

clock = time.process_time if os.environ.get("BENCH_CLOCK") == "cpu" else time.perf_counter
PATH, TOKEN = "/api/v1/monitoring/snapshot", "bursar_bench"


def application(seen: dict[str, Any]) -> Flask:
    """An application over what was seen: a table of portfolios and one of lines."""
    app = Flask("peer")
    app.json.sort_keys = False

    @app.get(PATH)  # type: ignore[untyped-decorator]  # the library lives in its own environment
    def snapshot() -> Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            abort(401)
        items = []
        for place, whole in enumerate(seen["portfolios"]):
            positions = [
                {name: values[line] for name, values in seen["lines"].items()}
                for line, owner in enumerate(seen["owners"])
                if owner == place
            ]
            items.append({**whole, "positions": positions})
        return jsonify(sequence=seen["sequence"], at=seen["at"], items=items, unvalued={})

    return app


@functools.cache
def _called(path: str) -> tuple[Flask, dict[str, Any]]:
    app = application(json.loads(Path(path).read_text()))
    environ = EnvironBuilder(PATH, headers=[("Authorization", f"Bearer {TOKEN}")]).get_environ()
    return app, environ


def answer(path: str) -> bytes:
    """The body of one answer."""
    app, environ = _called(path)
    return b"".join(app(dict(environ), _begun))


def _begun(*_told: object) -> None:
    """What a server would do with the status and the headers."""


def main() -> None:
    """Answer each line of the input with one."""
    for line in sys.stdin:
        asked = json.loads(line)
        path, repeats = asked["with"]["path"], asked["repeats"]
        body = answer(path)
        start = clock()
        for _ in range(repeats):
            body = answer(path)
        seconds = (clock() - start) / repeats
        digest = hashlib.sha256(json.dumps(json.loads(body), sort_keys=True).encode()).hexdigest()
        print(json.dumps({"seconds": seconds, "value": digest}), flush=True)


if __name__ == "__main__":
    main()
