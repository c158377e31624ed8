"""Recorded answers of language models: what was asked and answered once is repeated for nothing.

One small JSON file an answer, named by the digest of all that the answer depends on: the model, the prompt and the
shape that was asked for. So an answer is never repeated to another question, and a folder of them can be kept, handed
on and looked at. What is read is checked like what a model says: a file that somebody edited into nonsense is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Recordings:
    """The answers in one folder, which is made when the first is kept."""

    folder: Path

    def find(self, model: str, prompt: str, shape: Mapping[str, Any]) -> str | None:
        """The text of the answer that ``model`` gave, or None; of damaged files too, since they can be asked again."""
        path = self.path(model, prompt, shape)
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            same = held["model"] == model and held["prompt"] == prompt
            return str(held["answer"]) if same else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, model: str, prompt: str, shape: Mapping[str, Any], answer: str) -> None:
        """Keep an answer, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.path(model, prompt, shape)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(
            json.dumps({"model": model, "prompt": prompt, "answer": answer}, ensure_ascii=False, indent=2) + "\n",
            encoding="utf-8",
        )
        draft.replace(path)

    def path(self, model: str, prompt: str, shape: Mapping[str, Any]) -> Path:
        """Where the answer lies, if there is one."""
        asked = json.dumps([model, prompt, shape], sort_keys=True, ensure_ascii=False)
        return self.folder / f"{hashlib.sha256(asked.encode()).hexdigest()}.json"
