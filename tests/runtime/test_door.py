"""The locked door: of all combinations of profile, port, prefix, phrase and budget, all but the right are fatal."""

from __future__ import annotations

import ast
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest

import bursar
from bursar.config import Settings
from bursar.config.accounts import AccountProfile, load_accounts
from bursar.domain.events import Mode
from bursar.errors import InputError
from bursar.runtime.door import admit, phrase_for

PORTS = (7496, 7497, 4001, 4002)
ACCOUNTS = ("U7654321", "DU1234567", "DF1234567")
PHRASES = ("", "right", "of another account", "in capitals", "yes")
BUDGETS = (None, Decimal(20_000))
LIVE_PORTS = (7496, 4001)


def profile(mode: Literal["paper", "live"], port: int, account: str, budget: Decimal | None) -> AccountProfile:
    return AccountProfile(account_id=account, mode=mode, port=port, notional_per_day_max=budget)


def typed(phrase: str, named: AccountProfile) -> str:
    right = phrase_for(named)
    return {"right": right, "of another account": "trade real money in U1", "in capitals": right.upper()}.get(
        phrase, phrase
    )


@pytest.mark.parametrize("mode", ["paper", "live"])
def test_every_combination_but_the_right_one_is_fatal(mode: Literal["paper", "live"]) -> None:
    admitted = []
    for port, account, phrase, budget in product(PORTS, ACCOUNTS, PHRASES, BUDGETS):
        named = profile(mode, port, account, budget)
        try:
            answer = admit("savings", named, typed(phrase, named))
        except InputError:
            continue
        assert answer.mode is Mode(mode)
        assert (answer.account, answer.budget) == (account, budget)
        admitted.append((port, account, phrase, budget))
    if mode == "live":
        assert admitted == [(port, "U7654321", "right", Decimal(20_000)) for port in LIVE_PORTS]
    else:
        assert len(admitted) == 8  # two ports, two prefixes, no phrase, with and without a budget
        assert {(port, phrase) for port, _, phrase, _ in admitted} == {(7497, ""), (4002, "")}


@pytest.mark.parametrize(
    ("mode", "port", "account", "budget", "words", "said"),
    [
        ("live", 7496, "DU1234567", 1, "", "says live, and DU1234567 is a paper account"),
        ("paper", 7497, "U7654321", 1, "", "says paper, and U7654321 is an account with real money"),
        ("live", 7497, "U7654321", 1, "", "says live, and behind port 7497 no real money lies"),
        ("paper", 7496, "DU1234567", 1, "", "says paper, and behind port 7496 real money lies"),
        ("live", 7496, "U7654321", None, "", "has no daily budget"),
        ("live", 7496, "U7654321", 1, "trade real money", "type exactly: trade real money in U7654321"),
        ("paper", 7497, "DU1234567", 1, "trade real money in DU1234567", "which needs none"),
    ],
)
def test_the_door_says_what_disagrees(
    mode: Literal["paper", "live"], port: int, account: str, budget: int | None, words: str, said: str
) -> None:
    named = profile(mode, port, account, None if budget is None else Decimal(budget))
    with pytest.raises(InputError, match=said):
        admit("savings", named, words)


def test_an_accounts_mode_is_read_in_one_place() -> None:
    readers = set()
    root = Path(bursar.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "mode" and isinstance(node.ctx, ast.Load):
                owner = node.value
                if isinstance(owner, ast.Name) and owner.id == "profile":
                    readers.add(path.relative_to(root).as_posix())
    assert readers == {"runtime/door.py"}


# ---------------------------------------------------------------- several accounts in one file


def accounts(tmp_path: Path, text: str) -> Any:
    file = tmp_path / "bursar.toml"
    file.write_text(text, encoding="utf-8")
    return load_accounts(Settings(), file)


TWO = """
[accounts.practice]
account_id = "DU1234567"
port = 7497
[accounts.savings]
account_id = "U7654321"
mode = "live"
port = 7496
notional_per_day_max = 20000
[accounts.savings.risk]
profiles = ["learner"]
position_weight_max = 0.05
"""


def test_each_account_has_its_own_way_and_its_own_limits(tmp_path: Path) -> None:
    both = accounts(tmp_path, TWO)
    practice, savings = both["practice"].limits(), both["savings"].limits()
    assert practice.position_weight_max == Decimal("0.20")
    assert (savings.position_weight_max, savings.daily_loss_max) == (Decimal("0.05"), Decimal("0.02"))
    assert (practice.notional_per_day_max, savings.notional_per_day_max) == (None, Decimal(20_000))
    assert admit("practice", both["practice"]).mode is Mode.PAPER


def test_without_accounts_by_name_there_is_the_one_of_the_other_sections(tmp_path: Path) -> None:
    (main,) = accounts(tmp_path, "[demo]\ndays = 2\n").values()
    assert (main.account_id, main.port) == ("DU9000001", 4002)
    assert load_accounts(Settings()).keys() == {"main"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[accounts.a]\naccount_id = "X1"\n', r"accounts\.a\.account_id is 'X1'"),
        ('[accounts.a]\nacount_id = "DU1234567"\n', r"accounts\.a\.acount_id"),
        ("[accounts.a]\nnotional_per_day_max = 0\n", r"accounts\.a\.notional_per_day_max"),
        ("[accounts.a.risk]\nposition_weight_max = 0\n", r"accounts\.a\.risk\.position_weight_max"),
        ("[accounts.a.risk]\ndaily_loss_max = 0.3\n", r"accounts\.a in .*one day may lose 30\.0%"),
        ("accounts = 3\n", "is no table of accounts"),
        ("[accounts.a]\n[accounts.b]\nport = 7497\n", "are both account DU9000001"),
        ('[accounts.a]\n[accounts.b]\naccount_id = "DU1234567"\n', "would both be client 1 at port 4002"),
    ],
)
def test_accounts_that_cannot_be_used_are_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        accounts(tmp_path, text)
