"""A server on loopback that speaks OpenAI's (and Anthropic's) language and answers as it is told.

``replies`` are taken one a question, the last one again and again; each is a function from the request to what is sent.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GOOD = {"score": 0.5, "confidence": 0.7, "because": [{"evidence": 1, "says": "the trend points up"}]}

Reply = Callable[[dict[str, Any]], "Sent"]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What goes over the wire. cut: so many bytes of it, and then the line is broken."""

    body: bytes
    status: int = 200
    cut: int | None = None
    wait: threading.Event | None = None


def chat(arguments: Any, *, tokens: tuple[int, int] = (400, 60), finish: str = "tool_calls") -> Reply:
    """An answer in the shape that was asked for, whatever is in it."""

    def reply(request: dict[str, Any]) -> Sent:
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        call = {
            "id": "c1",
            "type": "function",
            "function": {"name": request["tools"][0]["function"]["name"], "arguments": text},
        }
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        return Sent(body=_completion(request, message, tokens, finish))

    return reply


def words(text: str) -> Reply:
    """Words, where a shape was asked for."""
    return lambda request: Sent(body=_completion(request, {"role": "assistant", "content": text}, (400, 60), "stop"))


def refusal(status: int, message: str) -> Reply:
    """An error of the server."""
    return lambda _: Sent(body=json.dumps({"error": {"message": message}}).encode(), status=status)


def cut_off(after: int) -> Reply:
    """A line that breaks in the middle of the answer."""
    return lambda request: Sent(body=chat(GOOD)(request).body, cut=after)


def slow(until: threading.Event) -> Reply:
    """An answer that comes when ``until`` is set."""
    return lambda request: Sent(body=chat(GOOD)(request).body, wait=until)


def message(arguments: Any) -> Reply:
    """An answer in Anthropic's language."""

    def reply(request: dict[str, Any]) -> Sent:
        said = {
            "id": "m1",
            "type": "message",
            "role": "assistant",
            "model": request["model"],
            "content": [{"type": "tool_use", "id": "t1", "name": request["tools"][0]["name"], "input": arguments}],
            "stop_reason": "tool_use",
            "stop_sequence": None,
            "usage": {"input_tokens": 400, "output_tokens": 60},
        }
        return Sent(body=json.dumps(said).encode())

    return reply


def _completion(request: dict[str, Any], said: dict[str, Any], tokens: tuple[int, int], finish: str) -> bytes:
    return json.dumps(
        {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": request["model"],
            "choices": [{"index": 0, "finish_reason": finish, "message": said}],
            "usage": {
                "prompt_tokens": tokens[0],
                "completion_tokens": tokens[1],
                "total_tokens": sum(tokens),
            },
        }
    ).encode()


@dataclass
class Server:
    """Where it listens, and what it was asked."""

    url: str
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def models(self) -> list[str]:
        return [request["model"] for request in self.asked]


@contextmanager
def serving(*replies: Reply) -> Iterator[Server]:
    """A server that gives ``replies``, one after the other."""
    waiting: Sequence[Reply] = list(replies)
    server = Server(url="")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing: a test says what it saw."""

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            reply = waiting[min(len(server.asked), len(waiting) - 1)]
            server.asked.append(request)
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            sent = reply(request)
            if sent.wait is not None:
                sent.wait.wait(30)
            try:
                self.send_response(sent.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(sent.body)))
                self.end_headers()
                self.wfile.write(sent.body if sent.cut is None else sent.body[: sent.cut])
            except OSError:
                pass  # whoever asked has gone
            if sent.cut is not None:
                self.close_connection = True

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{listening.server_port}/v1"
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join(10)
