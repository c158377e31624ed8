"""The tour shows what really happens: its commands are run, and its output is compared.

``python -m tests.e2e.test_tour`` writes the present output into docs/tour.md, to be read before it is committed.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest import mock

from bursar.config import ENVIRONMENT
from bursar.desk import cli

TOUR = Path(__file__).resolve().parents[2] / "docs" / "tour.md"
BLOCK = re.compile(r"^```(console|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STATEMENT = re.compile(r"^>>> .*\n(?:^\.\.\. .*\n)*", re.MULTILINE)
#: The head of the chain depends on everything, even on what the page is not about.
DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


def renewed(page: str, home: Path) -> str:
    """``page`` with the output that its commands have now, run one after the other in one home."""
    names: dict[str, object] = {}

    def renew(block: re.Match[str]) -> str:
        steps = _console(block[2]) if block[1] == "console" else _python(block[2], names)
        shown = "".join(said + _output_of(run) for said, run in steps)
        shown = DIGEST.sub("(64 hexadecimal digits)", shown.replace(str(home), "~/.local/share/bursar"))
        return f"```{block[1]}\n{shown}```"

    usual = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT and "BURSAR" not in name}
    with mock.patch.dict(os.environ, usual | {"BURSAR_HOME": str(home), "COLUMNS": "100"}, clear=True):
        return BLOCK.sub(renew, page)


def _console(text: str) -> Iterator[tuple[str, Callable[[], object]]]:
    for line in text.splitlines():
        if line.startswith("$ bursar "):
            words = line.removeprefix("$ bursar ").split()
            yield f"{line}\n", partial(_run, words)


def _run(words: list[str]) -> None:
    # A demo shows its summary to whoever runs it; on the page it would only be long.
    quiet = contextlib.redirect_stdout(io.StringIO()) if words[0] == "demo" else contextlib.nullcontext()
    with quiet, contextlib.redirect_stderr(io.StringIO()):
        assert cli.main(words) == 0


def _python(text: str, names: dict[str, object]) -> Iterator[tuple[str, Callable[[], object]]]:
    for said in STATEMENT.findall(text):
        yield said, partial(exec, re.sub(r"^(>>>|\.\.\.) ", "", said, flags=re.MULTILINE), names)


def _output_of(run: Callable[[], object]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        run()
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def test_the_tour_shows_what_really_happens(tmp_path: Path) -> None:
    page = TOUR.read_text(encoding="utf-8")
    assert len(BLOCK.findall(page)) >= 6
    assert renewed(page, tmp_path) == page, "run `python -m tests.e2e.test_tour` and read what it changed"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        TOUR.write_text(renewed(TOUR.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")
