"""Which account `bursar run` serves: the rule, what it says, and what becomes of it once accounts were changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bursar.adapters.journal import SQLiteJournal
from bursar.config import Settings, load
from bursar.config.accounts import all_accounts
from bursar.desk.desk import Desk
from bursar.desk.serving import Served, chosen, lines, traded
from bursar.desk.web import paint
from bursar.domain.events import AccountSwitched, Event, Mode
from bursar.errors import InputError
from bursar.runtime.account import JOURNAL_NAME, folder_of
from bursar.runtime.seats import _owed
from tests.desk.api.world import NOW, Ask, Known, app_on, send

Written = Callable[[str], tuple[Settings, Path]]
PRACTICE = '[accounts.practice]\naccount_id = "DU1234567"\nport = 7497\n'
SECOND = '[accounts.second]\naccount_id = "DU2234567"\nport = 7497\nclient_id = 2\n'
SAVINGS = '[accounts.savings]\naccount_id = "U7654321"\nmode = "live"\nport = 7496\nnotional_per_day_max = 1\n'


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(text: str) -> tuple[Settings, Path]:
        path = tmp_path / "bursar.toml"
        path.write_text(text)
        return load(path, {}), path

    return write


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", ""),
        ("[risk]\nstop_loss = 0.04\n", ""),
        ('[account]\naccount_id = "DU9000001"\n[broker]\nport = 4002\n', ""),  # what ships, written down
        ('[account]\naccount_id = "DU1234567"\n', "main"),
        ("[broker]\nport = 7497\n", "main"),
        (PRACTICE, "practice"),
        ("[accounts.ours]\n", "ours"),  # a table is meant, whatever it says
    ],
)
def test_the_one_account_that_is_set_up_is_served_and_where_none_is_the_demo(
    written: Written, text: str, name: str
) -> None:
    found = chosen(*written(text))
    assert (found.name if found else "") == name
    assert chosen(*written(text), demo=True) is None


def test_of_several_accounts_one_is_named(written: Written) -> None:
    with pytest.raises(InputError, match=r"practice \(DU1234567\), second \(DU2234567\).*bursar run --account NAME"):
        chosen(*written(PRACTICE + SECOND))
    found = chosen(*written(PRACTICE + SECOND), "second")
    assert found is not None
    assert found.account == "DU2234567"
    main = chosen(*written(PRACTICE), "main")
    assert main is not None
    assert main.account == "DU9000001", "our own gateway's, at its port"


def test_what_cannot_be_served_is_said_with_its_remedy(written: Written) -> None:
    with pytest.raises(InputError, match=r"no account 'nobody'; bursar.toml names main, practice"):
        chosen(*written(PRACTICE), "nobody")
    with pytest.raises(InputError, match="give one of them"):
        chosen(*written(PRACTICE), "practice", demo=True)
    with pytest.raises(InputError, match="behind port 7496 real money lies"):
        chosen(*written(PRACTICE.replace("7497", "7496")))
    with pytest.raises(InputError, match="says paper, and U7654321 is an account with real money"):
        chosen(*written(SAVINGS.replace('"live"', '"paper"')))


def test_paper_and_real_money_cannot_be_taken_for_each_other(written: Written) -> None:
    def said(text: str) -> list[str]:
        settings, path = written(text)
        return list(lines(chosen(settings, path), settings))

    (paper,), (live,), (demo,) = said(PRACTICE), said(SAVINGS), said("")
    assert paper == "paper: DU1234567 (account practice) behind 127.0.0.1:7497 trades within its limits"
    assert live == "REAL MONEY: U7654321 (account savings) behind 127.0.0.1:7496 observes and sends nothing"
    assert demo.startswith("simulated: the days of the demo")


def test_whose_money_it_is_stands_on_the_page_before_anything_has_begun(written: Written) -> None:
    def band(text: str) -> tuple[str, str]:
        desk = Desk(served=chosen(*written(text)), authenticator=Known(frozenset()))
        (answer,) = send(app_on(desk), Ask("GET", "/api/v1/ibkr/status"))
        said = answer.json()
        assert said["state"] == "unknown"
        return paint.band(said)

    assert band(SAVINGS) == ("LIVE · real money in account U7654321", "live")
    assert band(PRACTICE) == ("PAPER · no real money · account DU1234567", "")
    assert band("") == ("Nothing has traded yet", "")


def switched(account: str, to: str, number: int) -> AccountSwitched:
    return AccountSwitched(
        event_id=f"switch/{number}", at=NOW, account=account, to=to, mode=Mode.PAPER, reason="why not", by="ann"
    )


def keeps(home: Path, account: str, *events: Event) -> None:
    folder = folder_of(home, account)
    folder.mkdir(parents=True, exist_ok=True)
    journal = SQLiteJournal(folder / JOURNAL_NAME)
    asyncio.run(journal.append(events))
    journal.close()


def test_whoever_starts_at_an_account_that_was_left_goes_on_in_the_one_that_it_was_left_for(
    written: Written, tmp_path: Path
) -> None:
    settings, path = written(PRACTICE + SECOND)
    accounts = all_accounts(settings, path)
    asked = Served(name="practice", profile=accounts["practice"])
    assert traded(asked, accounts, tmp_path, None) == asked, "nothing has begun"

    left = switched("DU1234567", "DU2234567", 1)
    keeps(tmp_path, "DU1234567", left)
    found = traded(asked, accounts, tmp_path, None)
    assert (found.name, found.left) == ("second", "practice")
    assert "practice was left for second: bursar switch practice leads back" in list(lines(found, settings))

    back = replace(switched("DU2234567", "DU1234567", 2), at=NOW + timedelta(seconds=1))
    keeps(tmp_path, "DU2234567", left, back)
    assert len(accounts) == 3
    assert traded(asked, accounts, tmp_path, None) == asked, "left and come back to, which it does not know yet"
    second = Served(name="second", profile=accounts["second"])
    assert traded(second, accounts, tmp_path, None) == replace(asked, left="second")
    keeps(tmp_path, "DU1234567", back)
    assert traded(asked, accounts, tmp_path, None) == asked

    keeps(tmp_path, "DU1234567", replace(left, event_id="switch/3", to="DU3234567"))
    with pytest.raises(InputError, match=r"DU3234567, which bursar\.toml does not name"):
        traded(asked, accounts, tmp_path, None)


def test_of_several_accounts_that_were_left_for_one_the_change_that_it_does_not_know_is_owed_to_it(
    tmp_path: Path,
) -> None:
    long_ago, lately = switched("DU1", "DU3", 1), replace(switched("DU2", "DU3", 2), at=NOW + timedelta(days=1))
    keeps(tmp_path, "DU1", long_ago)
    keeps(tmp_path, "DU2", lately)
    keeps(tmp_path, "DU3", long_ago)
    with closing(SQLiteJournal(folder_of(tmp_path, "DU3") / JOURNAL_NAME)) as journal:
        assert _owed(tmp_path, "DU3", journal, None) == lately
    with closing(SQLiteJournal(tmp_path / "new.sqlite")) as journal:
        assert _owed(tmp_path, "DU3", journal, None) == lately, "of two that it does not know the later one"
        assert _owed(tmp_path, "DU4", journal, None) is None
