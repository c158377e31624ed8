"""What a started client is answered, by subject: orders, accounts, market data.

Each subject keeps what the client subscribed to and maps kinds of requests to functions from a request to the
messages that answer it. The session writes them; nothing here knows of bytes or versions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Messages = Iterable[object]
Answers = Mapping[type, Callable[[Any], Messages]]
