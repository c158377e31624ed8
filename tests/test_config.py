"""Settings: where they come from, what is refused, and that the pages about them are up to date."""

from __future__ import annotations

import re
import runpy
import sys
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.config import ENVIRONMENT, SHORT_NAMES, Given, Settings, build, entries, find_file, gather, home, load
from bursar.config.accounts import load_accounts
from bursar.config.kinds import ExchangeName, MarketName
from bursar.config.settings import OF_THE_EXCHANGE
from bursar.desk import settings_pages
from bursar.domain.sessions import settlement_days
from bursar.domain.venues import VENUES
from bursar.errors import InputError

ROOT = Path(__file__).resolve().parent.parent
KEYS = {entry.key: entry for entry in entries()}


def written(folder: Path, text: str) -> Path:
    path = folder / "bursar.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(folder: Path, text: str = "", **environ: str) -> str:
    """The one line with which a file and an environment are refused."""
    with pytest.raises(InputError) as caught:
        load(written(folder, text), environ)
    line = str(caught.value)
    assert "\n" not in line
    return line


# ---------------------------------------------------------------- where a value comes from


def test_without_any_source_every_key_has_its_default(tmp_path: Path) -> None:
    settings = load(environ={"BURSAR_HOME": str(tmp_path)})
    assert settings == Settings()
    assert settings.risk.position_weight_max == Decimal("0.20")
    assert (settings.broker.host, settings.broker.port) == ("127.0.0.1", 4002)


def test_command_line_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    path = written(tmp_path, "[account]\ninitial_cash = 3\n[risk]\nstop_loss = 0.03\ntake_profit = 0.3\n")
    environ = {"INITIAL_CASH": "2", "STOP_LOSS_PERCENTAGE": "0.02"}
    settings = load(path, environ, {"account.initial_cash": Given("1", "on the command line (--cash)")})
    assert settings.account.initial_cash == 1
    assert settings.risk.stop_loss == Decimal("0.02")
    assert settings.risk.take_profit == Decimal("0.3")
    assert settings.risk.cash_reserve == Settings().risk.cash_reserve


def test_the_long_environment_name_beats_the_short_one(tmp_path: Path) -> None:
    environ = {"INITIAL_CASH": "2", "BURSAR_ACCOUNT_INITIAL_CASH": "5", "BURSAR_HOME": str(tmp_path)}
    assert load(environ=environ).account.initial_cash == 5


def test_an_empty_environment_variable_counts_as_not_set(tmp_path: Path) -> None:
    environ = dict.fromkeys(ENVIRONMENT, "") | {"BURSAR_HOME": str(tmp_path)}
    assert load(environ=environ) == Settings()


def test_the_file_in_bursar_home_is_taken_before_the_one_here(tmp_path: Path) -> None:
    house, here = tmp_path / "house", tmp_path / "here"
    house.mkdir()
    here.mkdir()
    environ = {"BURSAR_HOME": str(house)}
    assert find_file(environ, here) is None
    mine = written(here, "")
    assert find_file(environ, here) == mine
    theirs = written(house, "")
    assert find_file(environ, here) == theirs


def test_home_is_what_bursar_home_says_or_the_users_data_folder(tmp_path: Path) -> None:
    assert home({"BURSAR_HOME": str(tmp_path)}) == tmp_path
    assert home({}).name == "bursar"


def test_what_was_gathered_says_where_each_value_came_from(tmp_path: Path) -> None:
    path = written(tmp_path, "port = 7497\n")
    gathered = gather(path, {"MAX_DAILY_TRADES": "4"}, {"demo.days": Given(5, "on the command line (--days)")})
    assert gathered == {
        "broker.port": Given(7497, f"in {path}"),
        "risk.opening_orders_per_day_max": Given("4", "in the environment (MAX_DAILY_TRADES)"),
        "demo.days": Given(5, "on the command line (--days)"),
    }


def test_the_process_environment_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    monkeypatch.setenv("INITIAL_CASH", "123.45")
    assert load().account.initial_cash == Decimal("123.45")


# ---------------------------------------------------------------- one exchange


@pytest.mark.parametrize(
    ("exchange", "zone", "currency", "markets", "costs"),
    [
        ("XNYS", "America/New_York", "USD", ("US",), (1, 0)),
        ("XASX", "Australia/Sydney", "AUD", ("AU",), (8, 6)),
        ("XETR", "Europe/Berlin", "EUR", ("EU",), (5, 3)),
    ],
)
def test_what_nobody_says_is_as_the_exchange_has_it(
    tmp_path: Path, exchange: str, zone: str, currency: str, markets: tuple[str, ...], costs: tuple[int, int]
) -> None:
    settings = load(written(tmp_path, f'[market]\nexchange = "{exchange}"\n'), {})
    assert (settings.market.timezone, settings.account.base_currency) == (zone, currency)
    assert settings.schedule.markets == markets
    assert (settings.costs.commission_basis_points, settings.costs.commission_minimum) == tuple(map(Decimal, costs))
    said = load(written(tmp_path, f'timezone = "Europe/Paris"\n[market]\nexchange = "{exchange}"\n'), {})
    assert said.market.timezone == "Europe/Paris"
    named = load_accounts(settings, written(tmp_path, '[accounts.one]\naccount_id = "DU1234567"\nport = 7497\n'))
    assert named["one"].base_currency == currency


def test_every_exchange_that_can_be_set_is_known(tmp_path: Path) -> None:
    assert set(get_args(ExchangeName)) <= VENUES.keys()
    assert {VENUES[code].market for code in get_args(ExchangeName)} == set(get_args(MarketName))
    assert "market.exchange is 'XTKS'" in refusal(tmp_path, '[market]\nexchange = "XTKS"\n')


def test_the_page_about_markets_tells_their_facts() -> None:
    rows = (ROOT / "docs" / "markets.md").read_text(encoding="utf-8").splitlines()
    for code in get_args(ExchangeName):
        here, days = VENUES[code], settlement_days(date(2026, 1, 5), code)
        cost = here.commission
        points = "must be said" if cost is None else f"{cost.basis_points} basis point{'s' * (cost.basis_points != 1)}"
        least = "must be said" if cost is None else str(cost.minimum)
        facts = (code, here.market, here.zone, here.currency, f"{days} day{'s' * (days != 1)}", points, least)
        assert f"| {' | '.join(facts)} |" in rows


def test_an_exchange_of_whose_costs_nothing_is_known_needs_them_said(tmp_path: Path) -> None:
    said = refusal(tmp_path, '[market]\nexchange = "XLON"\n')
    assert "what is charged there is not known here; set costs.commission_basis_points" in said
    settings = load(written(tmp_path, '[market]\nexchange = "XLON"\n[costs]\ncommission_basis_points = 5\n'), {})
    assert (settings.account.base_currency, settings.costs.commission_minimum) == ("GBP", Decimal(0))


@pytest.mark.parametrize(
    ("exchange", "watchlist", "said"),
    [
        ("XNYS", '["australia"]', 'is listed on XASX, and what is traded is XNYS; set market.exchange = "XASX"'),
        ("XASX", '["starter"]', 'is listed on XNYS, and what is traded is XASX; set market.exchange = "XNYS"'),
        ("XASX", '["australia", "germany"]', "australia is of XASX, germany is of XETR; an account trades on one"),
    ],
)
def test_a_watchlist_of_another_exchange_is_refused(tmp_path: Path, exchange: str, watchlist: str, said: str) -> None:
    assert said in refusal(tmp_path, f'[market]\nexchange = "{exchange}"\nwatchlist = {watchlist}\n')
    fits = load(written(tmp_path, '[market]\nexchange = "XASX"\nwatchlist = ["australia"]\n'), {})
    assert fits.market.watchlist[:2] == ("BHP", "CBA")


# ---------------------------------------------------------------- names that others bring


def test_a_flat_configuration_is_taken_by_its_own_names(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'host = "localhost"\nport = 7497\nclient_id = 123\ninitial_cash = 10000.0\ncurrency = "USD"\n'
        'max_position_size = 0.1\nanalysis_schedule = "10:15"\ntimezone = "US/Eastern"\n'
        'timeout = 20\nmax_reconnect_attempts = 3\nreconnect_delay = 4\naccount_id = "DU123456"\n',
    )
    settings = load(path, {})
    assert settings.broker.host == "localhost"
    assert (settings.broker.port, settings.broker.client_id) == (7497, 123)
    assert settings.account.initial_cash == 10_000
    assert settings.account.base_currency == "USD"
    assert settings.risk.position_weight_max == Decimal("0.1")
    assert settings.schedule.analysis == time(10, 15)
    assert settings.market.timezone == "America/New_York"
    assert settings.broker.data_timeout_seconds == 20
    assert settings.broker.reconnect_attempts_max == 3
    assert settings.broker.reconnect_delay_seconds == 4
    assert settings.account.account_id == "DU123456"


def test_the_flat_environment_names_reach_their_keys(tmp_path: Path) -> None:
    environ = {
        "BURSAR_HOME": str(tmp_path),
        "INITIAL_CASH": "10000.0",
        "MAX_POSITION_SIZE": "0.1",
        "MAX_DAILY_TRADES": "3",
        "STOP_LOSS_PERCENTAGE": "0.04",
        "TAKE_PROFIT_PERCENTAGE": "8%",
        "PRIMARY_MODEL": "some-model",
        "SELECTED_AGENTS": "warren_buffett, technical_analyst",
        "OPENAI_API_KEY": "sk-one",
        "FINANCIAL_DATASETS_API_KEY": "two",
    }
    settings = load(environ=environ)
    assert settings.account.initial_cash == 10_000
    assert settings.risk.position_weight_max == Decimal("0.1")
    assert settings.risk.opening_orders_per_day_max == 3
    assert settings.risk.stop_loss == Decimal("0.04")
    assert settings.risk.take_profit == Decimal("0.08")
    assert settings.models.primary_model == "some-model"
    assert settings.models.selected_agents == ("warren_buffett", "technical_analyst")
    assert settings.models.openai_api_key is not None
    assert settings.models.openai_api_key.get_secret_value() == "sk-one"
    assert settings.models.financial_datasets_api_key is not None
    assert settings.models.financial_datasets_api_key.get_secret_value() == "two"


def test_every_name_of_the_tables_leads_to_a_key() -> None:
    assert set(ENVIRONMENT.values()) <= KEYS.keys()
    assert set(SHORT_NAMES.values()) <= KEYS.keys()
    assert not SHORT_NAMES.keys() & Settings.model_fields.keys()  # a short name would hide a section


# ---------------------------------------------------------------- how values are read


@given(st.decimals(min_value="0.01", max_value=100, places=2))
def test_a_percent_is_the_fraction_of_a_hundred(percent: Decimal) -> None:
    given = {"risk.position_weight_max": Given(f" {percent} % ", "here")}
    assert build(given).risk.position_weight_max == percent / 100


def test_a_time_may_be_written_as_text_or_in_toml(tmp_path: Path) -> None:
    path = written(tmp_path, '[schedule]\npre_market = "8:05"\nanalysis = 10:00:00\n')
    assert load(path, {}).schedule.agenda().analyze_at == time(8, 5)
    assert load(path, {}).schedule.agenda().decide_at == time(10, 0)


def test_a_number_in_the_file_keeps_its_digits(tmp_path: Path) -> None:
    path = written(tmp_path, "[risk]\nstop_loss = 0.0700\n")
    assert load(path, {}).risk.stop_loss.as_tuple() == Decimal("0.0700").as_tuple()


def test_limits_and_agenda_carry_the_settings_inward() -> None:
    settings = build(
        {
            "risk.position_weight_max": Given("0.11", ""),
            "risk.sector_weight_max": Given("0.22", ""),
            "risk.opening_orders_per_day_max": Given("33", ""),
            "risk.volatility_warning": Given("0.44", ""),
            "risk.cash_reserve": Given("0.055", ""),
            "schedule.trade_after_open_minutes": Given("6", ""),
            "schedule.post_market_minutes": Given("7", ""),
        }
    )
    limits, agenda = settings.risk.limits(), settings.schedule.agenda()
    assert (limits.position_weight_max, limits.sector_weight_max) == (Decimal("0.11"), Decimal("0.22"))
    assert (limits.opening_orders_per_day_max, limits.volatility_warning) == (33, Decimal("0.44"))
    assert limits.cash_reserve == Decimal("0.055")
    assert agenda.trade_after_open == timedelta(minutes=6)
    assert agenda.review_after_close == timedelta(minutes=7)


def test_settings_are_frozen_and_know_no_other_names() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().risk.stop_loss = Decimal("0.5")
    with pytest.raises(ValueError, match="Extra inputs"):
        Settings.model_validate({"risk": {"stop": 1}})


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("risk.position_weight_max", '"120%"', "at most 1"),
        ("risk.position_weight_max", "1.2", "at most 1"),
        ("risk.position_weight_max", "0", "above 0"),
        ("risk.position_weight_max", '"x%"', "above 0"),
        ("risk.stop_loss", "true", "below 1"),
        ("risk.stop_loss", '"nan"', "below 1"),
        ("risk.opening_orders_per_day_max", "2.5", "1 to 10,000"),
        ("account.initial_cash", "-5", "more than 0"),
        ("account.base_currency", '"dollars"', "ISO 4217"),
        ("account.account_id", '"U1234567"', "paper account"),
        ("account.account_id", '"me"', "paper account"),
        ("account.lot_method", '"average"', "fifo, lifo or hifo"),
        ("broker.port", "7496", "not 7496 or 4001"),
        ("broker.port", '"4001.0"', "not 7496 or 4001"),
        ("broker.port", "70000", "1 to 65535"),
        ("market.timezone", '"Mars/Olympus"', "IANA"),
        ("market.timezone", '"../../etc/passwd"', "IANA"),
        ("market.watchlist", '["aapl"]', "symbols"),
        ("schedule.pre_market", "930", "a time of day"),
        ("schedule.pre_market", '"25:00"', "a time of day"),
        ("schedule.pre_market", '"soon"', "a time of day"),
        ("schedule.monitor_minutes", "7", "a divisor of 60"),
        ("strategy.names", '["astrology"]', "momentum"),
        ("models.selected_agents", "[]", "technical_analyst"),
        ("demo.first_day", '"someday"', "2022-01-03"),
        ("log.level", '"LOUD"', "DEBUG, INFO"),
    ],
)
def test_a_value_that_is_not_allowed_is_named_with_its_place(
    tmp_path: Path, key: str, value: str, allowed: str
) -> None:
    section, name = key.split(".")
    line = refusal(tmp_path, f"[{section}]\n{name} = {value}\n")
    assert line.startswith(f"{key} is ")
    assert str(tmp_path / "bursar.toml") in line
    assert allowed in line


def test_a_bad_value_in_the_environment_names_its_variable(tmp_path: Path) -> None:
    line = refusal(tmp_path, MAX_POSITION_SIZE="20")
    assert line == (
        "risk.position_weight_max is '20' in the environment (MAX_POSITION_SIZE); "
        'give a fraction above 0 and at most 1, such as 0.20 or "20%"'
    )


def test_an_analysis_after_the_decision_is_refused_by_the_key_that_was_given(tmp_path: Path) -> None:
    assert refusal(tmp_path, '[schedule]\nanalysis = "08:59"\n').startswith("schedule.analysis is '08:59'")
    assert refusal(tmp_path, '[schedule]\npre_market = "09:31"\n').startswith("schedule.pre_market is '09:31'")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[risk]\nposition_wieght_max = 0.1\n", "did you mean risk.position_weight_max?"),
        ("[risks]\nstop_loss = 0.1\n", "did you mean risk?"),
        ("max_position = 0.1\n", "did you mean max_position_size?"),
        ("stop_loss = 0.1\n", "did you mean risk.stop_loss?"),
        ("[market]\nstop_loss = 0.1\n", "did you mean risk.stop_loss?"),
        ("[risk]\nzzzzzzzz = 1\n", "remove it"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(tmp_path: Path, text: str, said: str) -> None:
    line = refusal(tmp_path, text)
    assert "is not a setting" in line
    assert said in line


def test_an_unknown_variable_of_ours_is_refused_and_those_of_others_are_not(tmp_path: Path) -> None:
    line = refusal(tmp_path, BURSAR_RISK_STOPLOSS="0.1")
    assert "did you mean BURSAR_RISK_STOP_LOSS?" in line
    load(written(tmp_path, ""), {"BURSAR_TEST_DATA": "/somewhere", "HOST": "else", "RISK_STOPLOSS": "1"})


def test_a_section_written_as_a_value_is_explained(tmp_path: Path) -> None:
    assert "it is a section: write [risk]" in refusal(tmp_path, "risk = 5\n")


def test_one_key_under_two_names_is_refused(tmp_path: Path) -> None:
    assert "given twice" in refusal(tmp_path, "port = 7497\n[broker]\nport = 4002\n")


def test_a_file_that_is_not_toml_or_not_there_is_named(tmp_path: Path) -> None:
    assert "is not TOML" in refusal(tmp_path, "this is not\n")
    missing = tmp_path / "none.toml"
    with pytest.raises(InputError, match=re.escape(f"{missing} cannot be read: No such file")):
        load(missing, {})
    (tmp_path / "latin.toml").write_bytes(b'host = "\xff"\n')
    with pytest.raises(InputError, match="is not TOML"):
        load(tmp_path / "latin.toml", {})


# ---------------------------------------------------------------- secrets


def test_a_secret_is_shown_nowhere(tmp_path: Path) -> None:
    settings = load(environ={"OPENAI_API_KEY": "sk-very-secret", "BURSAR_HOME": str(tmp_path)})
    assert "sk-very-secret" not in settings.text() + repr(settings) + str(settings)
    assert 'models.openai_api_key = "set"' in settings.text()
    assert 'models.financial_datasets_api_key = "not set"' in settings.text()


def test_a_bad_secret_is_refused_without_showing_it(tmp_path: Path) -> None:
    line = refusal(tmp_path, "[models]\nopenai_api_key = 12345678\n")
    assert "(hidden)" in line
    assert "12345678" not in line


# ---------------------------------------------------------------- the pages


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("docs/settings.md", settings_pages.settings_page()),
        ("bursar.toml.example", settings_pages.example_file()),
        ("env.template", settings_pages.environment_template()),
    ],
)
def test_the_pages_about_the_settings_are_up_to_date(page: str, text: str) -> None:
    assert (ROOT / page).read_text(encoding="utf-8") == text, "run `python -m bursar.desk.settings_pages`"


def test_writing_the_pages_makes_all_three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "bursar.desk.settings_pages")  # runpy warns of a module that is loaded already
    runpy.run_module("bursar.desk.settings_pages", run_name="__main__")
    assert (tmp_path / "docs" / "settings.md").read_text(encoding="utf-8") == settings_pages.settings_page()
    assert [path.relative_to(tmp_path).as_posix() for path in settings_pages.write(tmp_path)] == [
        "docs/settings.md",
        "bursar.toml.example",
        "env.template",
    ]
    assert (tmp_path / "env.template").read_text(encoding="utf-8") == settings_pages.environment_template()


def test_the_example_sets_every_key_to_its_default(tmp_path: Path) -> None:
    path = written(tmp_path, settings_pages.example_file())
    assert gather(path, {}).keys() == KEYS.keys() - set(OF_THE_EXCHANGE)
    assert load(path, {}) == Settings()
    abroad = written(tmp_path, settings_pages.example_file().replace('exchange = "XNYS"', 'exchange = "XASX"'))
    assert load(abroad, {}).market.timezone == "Australia/Sydney"


def test_every_key_says_what_it_means_and_takes() -> None:
    for entry in KEYS.values():
        assert entry.description.endswith("."), entry.key
        assert entry.allowed, entry.key
        assert f"`{entry.name}`" in settings_pages.settings_page()


def test_what_is_shown_of_a_setting_is_what_the_file_would_say() -> None:
    settings = build({"demo.first_day": Given("2022-02-01", ""), "market.watchlist": Given("JPM,AAPL", "")})
    shown = dict(line.split(" = ", 1) for line in settings.text().splitlines())
    assert shown.keys() == KEYS.keys()
    assert settings.demo.first_day == date(2022, 2, 1)
    assert shown["demo.first_day"] == "2022-02-01"
    assert shown["market.watchlist"] == '["JPM", "AAPL"]'
    assert shown["schedule.pre_market"] == '"09:00"'
