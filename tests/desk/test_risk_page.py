"""What could go wrong: by hand, the same as the API says, and a plain word where something is not known."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bursar.adapters.journal import SQLiteJournal
from bursar.desk import books, cli, risk_page
from bursar.errors import DataError
from bursar.risk import stress
from tests.ledger.tale import Tale

Run = Callable[..., tuple[int, str, str]]
LIMITS = {
    "position_weight": 0.5,
    "sector_weight": 0.6,
    "gross": 1.0,
    "volatility": 0.2,
    "var_95": 0.05,
    "day_loss": 0.1,
}


@pytest.fixture
def run(bursar_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("COLUMNS", "100")

    def command(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.main(list(words))
        return code, *capsys.readouterr()

    return command


def told(tale: Tale) -> books.Page:
    book, _ = books.opened(tale.events)
    (page,) = books.pages(book)
    return page


def two() -> Tale:
    """300 of A, a bank, and 500 of B, which pumps oil, with 200 in cash."""
    tale = Tale(cash=1000).list("B", sector="Energy").list("A", sector="Financials")
    return tale.buy(30, 10).buy(50, 10, symbol="B").mark(A=10, B=10)


def shown(found: risk_page.Risked) -> str:
    terminal = Console(width=100, record=True, file=None)
    with terminal.capture() as kept:
        terminal.print(risk_page.as_page(found))
    return kept.get()


def test_weights_sums_and_limits_by_hand() -> None:
    page = told(two())
    found = risk_page.risked(page, returns=None, why="no closes", limits=LIMITS)
    assert found.symbols == ("B", "A")
    assert found.weights.tolist() == pytest.approx([0.5, 0.3])
    assert (found.sums.gross, found.sums.net) == pytest.approx((0.8, 0.8))
    assert found.sectors == pytest.approx({"Energy": 0.5, "Financials": 0.3})
    plain = risk_page.as_plain(found)
    assert plain["limits"]["position_weight"] == {"now": 0.5, "limit": 0.5, "used": 1.0}
    assert plain["limits"]["volatility"] == {"now": None, "limit": 0.2, "used": None}
    assert "day_loss" not in plain["limits"], "the day's loss is the monitor's, which knows the day's flows"
    assert plain["measures"] == {}
    assert "What it could lose is not known: no closes" in shown(found)


def test_measures_are_those_of_todays_weights_through_the_past() -> None:
    page = told(two())
    # B loses a tenth every twentieth day, A always stands still: of 1000, 500 are in B.
    returns = np.column_stack([np.where(np.arange(100) % 20 == 19, -0.1, 0.01), np.zeros(100)])
    found = risk_page.risked(page, returns=returns, limits=LIMITS)
    plain = risk_page.as_plain(found)
    assert plain["measures"]["var_99"]["value"] == pytest.approx(0.05)
    assert plain["measures"]["var_99"]["by_symbol"] == pytest.approx({"B": 0.05, "A": 0.0})
    assert plain["measures"]["volatility"]["value"] == pytest.approx(0.5 * returns[:, 0].std(ddof=1) * np.sqrt(252))
    # On their own mean, B's slope is two and A's none.
    assert plain["betas"] == pytest.approx({"B": 2.0, "A": 0.0})
    assert plain["exposure"]["beta_adjusted"] == pytest.approx(0.5 * 2)
    assert plain["limits"]["volatility"]["used"] == pytest.approx(plain["measures"]["volatility"]["value"] / 0.2)
    text = shown(found)
    assert "loss of one day in a hundred" in text
    assert "B 100\N{NO-BREAK SPACE}%" in text, "all of it is carried by one"
    assert "the last 100 days" in text


def test_scenarios_answer_to_sectors_and_not_to_the_market_alone() -> None:
    page = told(two())
    found = risk_page.risked(page, returns=None, why="", limits=LIMITS)
    plain = {each["scenario"]: each for each in risk_page.as_plain(found)["scenarios"]}
    # Inflation of 2022: the market −25 %, energy 65 % above it, financials 6 %: 0.5·0.40 + 0.3·(−0.19) = 14.3 %.
    assert plain["inflation_2022"]["profit"] == pytest.approx(0.5 * 0.40 - 0.3 * 0.19)
    assert plain["inflation_2022"]["amount"] == "143.00"
    assert plain["inflation_2022"]["by_symbol"] == pytest.approx({"B": 0.20, "A": -0.057})
    assert len(plain) == len(stress.SCENARIOS)
    text = shown(found)
    assert text.index("banks fail 2008") < text.index("inflation 2022"), "the worst is first"


def test_a_portfolio_of_cash_has_nothing_at_risk() -> None:
    found = risk_page.risked(told(Tale(cash=1000)), returns=None, why="nothing is held", limits=LIMITS)
    text = shown(found)
    assert "Nothing is held" in text
    assert "What if" not in text
    assert risk_page.as_plain(found)["limits"]["gross"]["now"] == 0.0


def test_what_has_no_worth_has_no_risk_and_says_why() -> None:
    foreign = Tale(cash=1000).list("C", currency="CHF").buy(1, 10, symbol="C", currency="CHF")
    with pytest.raises(DataError, match="CHF"):
        risk_page.risked(told(foreign), returns=None, limits=LIMITS)
    with pytest.raises(DataError, match=r"is worth -50\.00 USD"):
        # 100 of A sold short at 10 and marked at 20.50: 1000 + 1000 - 2050.
        risk_page.risked(told(Tale(cash=1000, shorts=True).sell(100, 10).mark(A="20.50")), returns=None, limits=LIMITS)


def test_the_command_reads_the_last_journal(run: Run, bursar_home: Path) -> None:
    path = bursar_home / "runs" / "demo" / "journal.sqlite"
    with closing(SQLiteJournal(path)) as journal:
        asyncio.run(journal.append(two().events))
    code, out, _ = run("risk")
    assert code == 0
    assert "main of DU9000001" in out
    assert "What it could lose is not known" in out, "no source has closes of A and B"
    code, out, _ = run("risk", "--json", "--portfolio", "main")
    assert code == 0
    (document,) = json.loads(out)["portfolios"]
    assert Decimal(document["net_asset_value"]) == 1000
    assert document["limits"]["gross"]["limit"] == 1.0
    code, _, error = run("risk", "--portfolio", "nobody")
    assert code != 0
    assert "nobody" in error


def test_each_accounts_own_limits_are_those_that_are_shown(
    run: Run, bursar_home: Path, tmp_path: Path
) -> None:  # fmt: skip
    path = bursar_home / "runs" / "demo" / "journal.sqlite"
    with closing(SQLiteJournal(path)) as journal:
        asyncio.run(journal.append(two().events))
    settings = tmp_path / "bursar.toml"
    settings.write_text("[risk]\nposition_weight_max = 0.4\n")
    code, out, _ = run("risk", "--json", "--config", str(settings))
    assert code == 0
    assert json.loads(out)["portfolios"][0]["limits"]["position_weight"]["used"] == pytest.approx(1.25)
    account = two().events[0].account  # type: ignore[attr-defined]  # it begins with the account
    settings.write_text(f'[accounts.its]\naccount_id = "{account}"\n[accounts.its.risk]\nposition_weight_max = 0.25\n')
    code, out, _ = run("risk", "--json", "--config", str(settings))
    assert code == 0
    assert json.loads(out)["portfolios"][0]["limits"]["position_weight"]["limit"] == 0.25, "of the file that was named"
