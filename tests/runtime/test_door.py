"""The locked door: of all combinations of profile, port, prefix, phrase and budget, all but the right are fatal."""

from __future__ import annotations

import ast
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest

import bursar
from bursar.adapters.ib_connection import Address
from bursar.config import Given, Settings, build
from bursar.config.accounts import AccountProfile, all_accounts, load_accounts
from bursar.domain.events import Mode
from bursar.errors import InputError
from bursar.runtime.account import address_of
from bursar.runtime.door import admit, phrase_for

PORTS = (7496, 7497, 4001, 4002)
ACCOUNTS = ("U7654321", "DU1234567", "DF1234567")
PHRASES = ("", "right", "of another account", "in capitals", "yes")
BUDGETS = (None, Decimal(20_000))
LIVE_PORTS = (7496, 4001)
ROOT = Path(bursar.__file__).parent


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
        address = address_of(named.settings(Settings()), answer)
        assert (address.account, address.port, address.live) == (account, port, mode == "live")
        assert not answer.sealed
    if mode == "live":
        assert admitted == [(port, "U7654321", "right", Decimal(20_000)) for port in LIVE_PORTS]
    else:
        assert len(admitted) == 8  # two ports, two prefixes, no phrase, with and without a budget
        assert {(port, phrase) for port, _, phrase, _ in admitted} == {(7497, ""), (4002, "")}


def test_who_only_looks_needs_no_phrase_and_no_budget_and_is_sealed() -> None:
    looked = []
    for mode, port, account, budget in product(("paper", "live"), PORTS, ACCOUNTS, BUDGETS):
        named = profile(mode, port, account, budget)  # type: ignore[arg-type]  # one of the two
        try:
            answer = admit("savings", named, looking=True)
        except InputError:
            continue
        assert answer.sealed
        looked.append((mode, port, account))
    assert set(looked) == {
        *(("live", port, "U7654321") for port in LIVE_PORTS),
        *(("paper", port, account) for port in (7497, 4002) for account in ACCOUNTS[1:]),
    }


def test_an_address_is_live_by_the_doors_word_alone() -> None:
    for account, port, live in product(ACCOUNTS, PORTS, (False, True)):
        if live == (account == "U7654321") == (port in LIVE_PORTS):
            assert Address(account=account, port=port, live=live).live is live
        else:
            with pytest.raises(InputError, match=r"locked door|money lies"):
                Address(account=account, port=port, live=live)
    said = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Address"
        if any(keyword.arg == "live" for keyword in node.keywords)
    }
    assert said == {"runtime/account.py"}
    admitted = admit("practice", profile("paper", 7497, "DU1234567", None))
    with pytest.raises(InputError, match="DU1234567 was let through, and the settings are of DU9000001"):
        address_of(Settings(), admitted)


def test_what_holds_in_an_account_is_its_own_and_real_money_is_observed_until_a_person_says_more() -> None:
    base = build({"strategy.autonomy": Given("automatic", "in a test")})
    savings, practice = profile("live", 7496, "U7654321", None), profile("paper", 7497, "DU1234567", None)
    held = savings.settings(base)
    assert (held.account.account_id, held.broker.port, held.strategy.autonomy) == ("U7654321", 7496, "observe")
    assert practice.settings(base).strategy.autonomy == "automatic"
    assert savings.model_copy(update={"autonomy": "propose"}).settings(base).strategy.autonomy == "propose"
    assert base.account.account_id == "DU9000001"


@pytest.mark.parametrize(
    ("mode", "port", "account", "budget", "words", "said"),
    [
        ("live", 7496, "DU1234567", 1, "", "says live, and DU1234567 is a paper account"),
        ("paper", 7497, "U7654321", 1, "", "says paper, and U7654321 is an account with real money"),
        ("live", 7497, "U7654321", 1, "", "says live, and behind port 7497 no real money lies"),
        ("paper", 7496, "DU1234567", 1, "", "says paper, and behind port 7496 real money lies"),
        ("live", 7496, "U7654321", None, "", "has no daily budget"),
        (
            "live",
            7496,
            "U7654321",
            1,
            "trade real money",
            "what was typed, 'trade real money', is not the phrase; to let orders reach it, type exactly: trade real",
        ),
        (
            "live",
            7496,
            "U7654321",
            1,
            "",
            "holds real money; to let orders reach it, type exactly: trade real money in",
        ),
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
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "mode" and isinstance(node.ctx, ast.Load):
                owner = node.value
                if isinstance(owner, ast.Name) and owner.id == "profile":
                    readers.add(path.relative_to(ROOT).as_posix())
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
    ("text", "names"),
    [
        ("[demo]\ndays = 2\n", {"main"}),
        (TWO, {"main", "practice", "savings"}),
        ('[accounts.main]\naccount_id = "DU1234567"\nport = 7497\n', {"main"}),
        ("[accounts.same]\nport = 7497\n", {"same"}),
        ('[accounts.line]\naccount_id = "DU1234567"\n', {"line"}),
    ],
)
def test_the_account_of_the_other_sections_is_main_where_it_is_in_nobodys_way(
    tmp_path: Path, text: str, names: set[str]
) -> None:
    file = tmp_path / "bursar.toml"
    file.write_text(text, encoding="utf-8")
    assert all_accounts(Settings(), file).keys() == names


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
