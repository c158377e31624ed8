"""The page about fidelity says what the tables say, and leaves out no code that is sent."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bursar.gateway import fidelity
from bursar.gateway.faults.catalogue import KINDS
from bursar.gateway.messages import ABSENT, REPLIES, REQUESTS

ROOT = Path(__file__).resolve().parents[2]
GATEWAY = ROOT / "src" / "bursar" / "gateway"


def test_the_page_is_what_the_tables_say() -> None:
    written = (ROOT / "docs" / "gateway-fidelity.md").read_text(encoding="utf-8")
    assert written == fidelity.page(), "write it again: python scripts/gateway_fidelity.py"


def test_every_message_is_on_the_page_once() -> None:
    lines = fidelity.page().splitlines()
    names = [each.kind.__name__ for each in (*REQUESTS.values(), *REPLIES.values())]
    names += [name for name, _ in ABSENT.values()]
    for name in names:
        assert sum(f"| `{name}` |" in line for line in lines) == 1, name


def codes_in(tree: ast.AST) -> Iterator[int]:
    """Numbers that stand where codes do: ``code=321``, first in a pair with a text, and in a call of ``_refuse``."""
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="code", value=ast.Constant(value=int(code))):
                yield code
            case ast.Tuple(elts=[ast.Constant(value=int(code)), text]) if isinstance(text, TEXTS):
                yield code
            case ast.Call(func=ast.Attribute(attr="_refuse"), args=[_, ast.Constant(value=int(code)), _]):
                yield code


TEXTS = (ast.Constant, ast.JoinedStr, ast.Name)


def test_every_code_that_is_sent_is_explained() -> None:
    sent = {
        code
        for file in GATEWAY.rglob("*.py")
        if file.name not in ("fidelity.py", "requests.py")
        for code in codes_in(ast.parse(file.read_text()))
        if code >= 100
    }
    assert sent == set(fidelity.CODES)


def test_what_the_page_of_hand_worked_examples_names_is_there() -> None:
    named = re.findall(
        r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", (ROOT / "docs" / "gateway-money.md").read_text("utf-8")
    )
    assert len(named) > 12
    for file, test in named:
        assert f"def {test}" in (ROOT / file).read_text("utf-8"), f"{file}::{test}"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_fault_is_struck_by_a_test(kind: str) -> None:
    word = KINDS[kind].__name__
    struck = re.compile(rf"\b{word}\(|fault: {kind}\b")
    shown = [path.name for path in (ROOT / "tests").rglob("test_*.py") if struck.search(path.read_text("utf-8"))]
    assert shown, f"nothing shows {kind}"
