"""Answers of others, kept on disk for a while, so that the same question is not asked (or paid for) twice.

One file an answer, named by the SHA-256 of its question, with the question and the moment of the answer in its first
line. A file that does not read, or answers another question, is no answer. Nothing secret belongs into a question.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path


class DiskCache:
    """Answers in a folder, each good for ``keep``. now: what time it is, in UTC."""

    def __init__(self, folder: Path, keep: timedelta, now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._keep = keep
        self._now = now

    def get(self, question: str) -> bytes | None:
        """The answer, or None where there is none that is fresh."""
        try:
            head, _, answer = self._path(question).read_bytes().partition(b"\n")
            told = json.loads(head)
            at = datetime.fromisoformat(told["at"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        fresh = timedelta(0) <= self._now() - at <= self._keep
        return answer if fresh and told.get("question") == question else None

    def put(self, question: str, answer: bytes) -> None:
        """Keep an answer, whole or not at all."""
        path = self._path(question)
        path.parent.mkdir(parents=True, exist_ok=True)
        head = json.dumps({"question": question, "at": self._now().isoformat()}).encode()
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_bytes(head + b"\n" + answer)
        draft.replace(path)

    def _path(self, question: str) -> Path:
        return self._folder / f"{hashlib.sha256(question.encode()).hexdigest()}.answer"
