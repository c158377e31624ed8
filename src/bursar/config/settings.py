"""Everything that can be set: one class a section, one field a key, each with its meaning, bounds and default.

Fractions (weights, stops, targets) are written as 0.20 or as "20%". Durations and rates carry their unit
in their name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from bursar.config.kinds import (
    AccountName,
    AgentNames,
    AmountOrNone,
    Clock,
    Count,
    ExchangeName,
    Fraction,
    MarketNames,
    MinuteStep,
    Number,
    Port,
    ProviderName,
    Secret,
    SourceNames,
    StrategyNames,
    Symbols,
    Zone,
)
from bursar.config.risk import Risk
from bursar.config.section import FILE, Section, setting
from bursar.config.service import Service
from bursar.domain.venues import HOME
from bursar.trading.agenda import Agenda, Missed, Rhythm

if TYPE_CHECKING:
    from bursar.adapters.store.sealing import Cipher
    from bursar.adapters.store.snapshots import Retention

#: What keys are also called in the environment, beside BURSAR_<SECTION>_<KEY>.
ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "INITIAL_CASH": "account.initial_cash",
        "MAX_POSITION_SIZE": "risk.position_weight_max",
        "MAX_DAILY_TRADES": "risk.opening_orders_per_day_max",
        "STOP_LOSS_PERCENTAGE": "risk.stop_loss",
        "TAKE_PROFIT_PERCENTAGE": "risk.take_profit",
        "PRIMARY_MODEL": "models.primary_model",
        "MODEL_PROVIDER": "models.provider",
        "SELECTED_AGENTS": "models.selected_agents",
        "OPENAI_API_KEY": "models.openai_api_key",
        "FINANCIAL_DATASETS_API_KEY": "models.financial_datasets_api_key",
    }
)

#: Names that bursar.toml takes without a section, for those who bring a flat configuration.
SHORT_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "host": "broker.host",
        "port": "broker.port",
        "client_id": "broker.client_id",
        "timeout": "broker.data_timeout_seconds",
        "max_reconnect_attempts": "broker.reconnect_attempts_max",
        "reconnect_delay": "broker.reconnect_delay_seconds",
        "account_id": "account.account_id",
        "initial_cash": "account.initial_cash",
        "currency": "account.base_currency",
        "max_position_size": "risk.position_weight_max",
        "analysis_schedule": "schedule.analysis",
        "timezone": "market.timezone",
    }
)


#: Keys that are as ``market.exchange`` has them, where nobody says otherwise.
OF_THE_EXCHANGE = (
    "market.timezone",
    "schedule.markets",
    "account.base_currency",
    "costs.commission_basis_points",
    "costs.commission_minimum",
    "demo.first_day",
)


# ---------------------------------------------------------------- the sections


class Account(Section):
    """The account that is traded, and how its books are kept."""

    account_id: AccountName = setting(
        "DU9000001", "Account at the broker.", "the name of a paper account, DU or DF and digits, such as DU9000001"
    )
    base_currency: str = setting(
        "USD",
        "Currency of the books and of the cash; that of market.exchange where nothing is said.",
        "the ISO 4217 code of the currency that the stocks trade in, such as USD",
        pattern=r"^[A-Z]{3}$",
    )
    initial_cash: Number = setting(
        Decimal(100_000),
        "Cash that a simulated account begins with, in the base currency.",
        "more than 0 and at most 1,000,000,000",
        gt=0,
        le=1_000_000_000,
    )
    lot_method: Literal["fifo", "lifo", "hifo"] = setting(
        "fifo", "Which lot a sale takes; it must equal what is set at the broker.", "fifo, lifo or hifo"
    )
    open_orders: Literal["cancel", "refuse"] = setting(
        "cancel",
        "What becomes of orders that open when another account is traded (bursar switch): they are canceled, or while "
        "one works the change is refused. What protects or closes stays at work in any case.",
        "cancel or refuse",
    )


class Sleeve(Section):
    """The part of the account that may be managed, and what is never touched."""

    capital: AmountOrNone = setting(
        None,
        "Cash that is managed, in the base currency, with all that becomes of it; what else the account holds is not.",
        'an amount above 0, such as 50000, or "" for the whole account',
        gt=0,
    )
    hands_off: Symbols = setting(
        (), "No order ever touches these, neither to buy nor to sell.", 'symbols, such as ["AAPL", "JPM"]'
    )


class Broker(Section):
    """How to reach Trader Workstation, IB Gateway or Bursar's own gateway."""

    host: str = setting("127.0.0.1", "Where it listens.", "a host name or an address", min_length=1)
    port: Port = setting(
        4002,
        "Port. 4002: Bursar's own gateway, or a paper IB Gateway; 7497: a paper Trader Workstation.",
        "1 to 65535, but not 7496 or 4001, behind which real money lies",
    )
    client_id: Count = setting(
        1, "Number of this client; the broker refuses a second one with the same.", "1 to 999,999", ge=1, le=999_999
    )
    connect_timeout_seconds: Number = setting(
        Decimal(10), "How long a connection may take, in seconds.", "more than 0 and at most 600", gt=0, le=600
    )
    data_timeout_seconds: Number = setting(
        Decimal(30), "How long an answer may take, in seconds.", "more than 0 and at most 600", gt=0, le=600
    )
    reconnect_attempts_max: Count = setting(
        5, "Attempts to connect again after the line broke.", "0 to 1000", ge=0, le=1000
    )
    reconnect_delay_seconds: Number = setting(
        Decimal(10), "Wait before the first of them, doubled each time, in seconds.", "0 to 3600", ge=0, le=3600
    )
    reconnect_trial_minutes: Count = setting(
        10, "After all of them failed: how often one more is made, in minutes.", "1 to 1440", ge=1, le=1440
    )
    restart_at: Clock = setting(
        time(23, 45),
        "From then on the gateway restarts, every night: no attempt counts.",
        "a time of day, such as 23:45",
    )
    restart_minutes: Count = setting(60, "How long that may take, in minutes.", "0 to 720", ge=0, le=720)
    login_day: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = setting(
        "sunday", "Day on which a person must log in again at the gateway.", "the name of a day, such as sunday"
    )
    login_at: Clock = setting(time(1, 0), "From then on, on that day.", "a time of day, such as 01:00")
    clock_minutes_max: Count = setting(
        1, "How far the broker's clock may be off; beyond it nothing is decided.", "1 to 60 minutes", ge=1, le=60
    )


class Market(Section):
    """What is traded, and by which clock."""

    exchange: ExchangeName = setting(
        HOME,
        "Exchange whose sessions are traded: XNYS for the United States, XASX for Sydney, XETR for Frankfurt, XLON for "
        "London. Its zone, its currency and what IBKR charges there stand wherever market.timezone, schedule.markets, "
        "account.base_currency and [costs] say nothing else. One account trades on one exchange.",
        "XNYS, XASX, XETR or XLON",
    )
    timezone: Zone = setting(
        "America/New_York",
        "Time zone in which [schedule] is given and times are shown; that of market.exchange where nothing is said.",
        "an IANA time zone, such as America/New_York (US/Eastern is taken too)",
    )
    source: str = setting(
        "sample",
        "Where prices and other facts come from: sample (20 stocks, closes alone), bokeh (5 stocks as paid), "
        "synthetic (a market that never was), or the name of an import.",
        "a name that `bursar data sources` shows, such as sample",
        pattern=r"^[a-z0-9][A-Za-z0-9_.-]{0,63}$",
    )
    watchlist: Symbols = setting(
        (),
        "Symbols to trade; an empty list takes all that the prices hold. Lists must be of market.exchange.",
        'symbols, such as ["AAPL", "JPM"], or lists that ship: large_caps, technology, starter, australia, germany, '
        "london",
    )


class Schedule(Section):
    """The times of a trading day. Holidays and half days come from the exchange's calendar."""

    pre_market: Clock = setting(
        time(9, 0), "Analysts form their views.", "a time of day, such as 09:00, not after schedule.analysis"
    )
    analysis: Clock = setting(
        time(9, 30),
        "The strategy decides; never before the opening bell.",
        "a time of day, such as 09:30, not before schedule.pre_market",
    )
    trade_after_open_minutes: Count = setting(
        5, "Opening orders wait so long after the bell, in minutes.", "0 to 300", ge=0, le=300
    )
    monitor_minutes: MinuteStep = setting(
        5,
        "Simulated days have a look so often, in minutes: at each, stops, targets and losses are looked at. On an "
        "account at a broker each look of the program does it, which is each second unless --every says otherwise.",
        "1 to 60, a divisor of 60",
    )
    post_market_minutes: Count = setting(
        30, "The look back on the day comes so long after the close, in minutes.", "0 to 300", ge=0, le=300
    )
    rebalance: Literal["daily", "weekly", "monthly", "quarterly", "annually", "threshold"] = setting(
        "daily",
        "How often is decided and traded: on the first session of each period, or on each day on which something is "
        "further from its target than schedule.drift_min.",
        "daily, weekly, monthly, quarterly, annually or threshold",
    )
    drift_min: Fraction = setting(
        Decimal("0.05"),
        "From which distance to its target, as a fraction of equity, something is worth a rebalance by threshold.",
        'a fraction from 0 to 1, such as 0.05 or "5%"',
        ge=0,
        le=1,
    )
    missed: Literal["catch_up", "skip"] = setting(
        "catch_up",
        "What was not done at its time, since the program was away: done as soon as it can be (a decision within its "
        "session, a rebalance within its period), or let be.",
        "catch_up or skip",
    )
    late_minutes_max: Count = setting(
        15, "By how much analysis and decision may be late where they are let be, in minutes.", "1 to 300", ge=1, le=300
    )
    markets: MarketNames = setting(
        ("US",),
        "Markets whose agenda is shown, each on its own clock; the one that is traded (market.exchange) always is.",
        'names of markets, such as ["US", "AU", "EU", "UK"]',
    )

    def agenda(self) -> Agenda:
        """These times, as the engine takes them."""
        return Agenda(
            rhythm=Rhythm.DAILY if self.rebalance == "threshold" else Rhythm(self.rebalance),
            missed=Missed(self.missed),
            late_max=timedelta(minutes=self.late_minutes_max),
            analyze_at=self.pre_market,
            decide_at=self.analysis,
            trade_after_open=timedelta(minutes=self.trade_after_open_minutes),
            review_after_close=timedelta(minutes=self.post_market_minutes),
        )


class Costs(Section):
    """What trading costs in a simulation. A basis point is a hundredth of a percent of the money traded."""

    commission_basis_points: Number = setting(
        Decimal(1),
        "Commission, in basis points. Where nothing is said, what IBKR publishes for market.exchange: 8 in Sydney, 5 "
        "in Frankfurt; in the United States it charges by the share, for which 1 stands. London's must be given.",
        "0 to 1000",
        ge=0,
        le=1000,
    )
    commission_minimum: Number = setting(
        Decimal(0),
        "Least commission of an order, in the base currency. Where nothing is said, what IBKR publishes for "
        "market.exchange: AUD 6 in Sydney, EUR 3 in Frankfurt.",
        "0 to 1000",
        ge=0,
        le=1000,
    )
    spread_basis_points: Number = setting(
        Decimal(4), "Simulated distance from bid to ask, in basis points of the price.", "0 to 1000", ge=0, le=1000
    )


class Execution(Section):
    """How a rebalance is worked: at once, or in pieces. Exits, protection and a kill never wait."""

    route: Literal["at_once", "auto", "twap", "vwap", "participation", "adaptive"] = setting(
        "at_once",
        "At once; by spread, size and hurry; equal parts; as volume comes; a part of the volume; or a limit that pays "
        "more of the spread as time goes by. What closes is sent at once while its protection rests at the broker.",
        "at_once, auto, twap, vwap, participation or adaptive",
    )
    within_minutes: Count = setting(
        60, "What is not sent by then is sent whole, in minutes from the first piece.", "1 to 390", ge=1, le=390
    )
    every_minutes: Count = setting(5, "Time between two pieces, in minutes.", "1 to 60", ge=1, le=60)
    urgency: Fraction = setting(
        Decimal("0.25"),
        "Part of the spread that an adaptive order pays from the start.",
        'a fraction from 0 to 1, such as 0.25 or "25%"',
        ge=0,
        le=1,
    )
    participation: Fraction = setting(
        Decimal("0.10"),
        "Part of all that trades that an order of that route takes, itself included.",
        'a fraction above 0 and up to 1, such as 0.1 or "10%"',
        gt=0,
        le=1,
    )
    adverse_move: Fraction = setting(
        Decimal("0.02"),
        "Part of its price by which everything is taken to move against a tapped proposal that stops halfway and is "
        "traded back: what that may lose at worst is reckoned with it, and shown with it before the tap.",
        'a fraction above 0 and below 1, such as 0.02 or "2%"',
        gt=0,
        lt=1,
    )
    behind_max: Fraction = setting(
        Decimal("0.05"),
        "How far a completed proposal's return may be below what it promised by then, before a person is told.",
        'a fraction above 0 and up to 1, such as 0.05 or "5%"',
        gt=0,
        le=1,
    )


class Strategy(Section):
    """What decides, and how eagerly."""

    names: StrategyNames = setting(
        ("confirmed_momentum", "confirmed_dips"),
        "Strategies, each with an equal part of equity.",
        'names of templates that ship, such as "momentum", or "committee"',
    )
    autonomy: Literal["observe", "propose", "approve", "automatic"] = setting(
        "automatic",
        "Who has the last word: nothing is sent, a decision waits for one tap, each order waits for one, or none does.",
        "observe, propose, approve or automatic",
    )
    trade_min: Fraction = setting(
        Decimal("0.005"),
        "Smallest trade that is worth its cost, as a fraction of equity; an exit is always worth it.",
        'a fraction from 0 to below 1, such as 0.005 or "0.5%"',
        ge=0,
        lt=1,
    )


class Models(Section):
    """The analysts, and the language model that may judge their evidence again."""

    selected_agents: AgentNames = setting(
        (
            "warren_buffett",
            "valuation_analyst",
            "sentiment_analyst",
            "technical_analyst",
            "fundamentals_analyst",
            "dissenter",
        ),
        "Analysts to ask. One that lacks what it needs abstains and says so.",
        "one or more of warren_buffett, valuation_analyst, sentiment_analyst, technical_analyst, fundamentals_analyst, "
        "dissenter",
    )
    reasoning: Literal["off", "recorded", "live"] = setting(
        "off",
        "Whether a language model judges the analysts' evidence again: never, from recorded answers alone, or by "
        "asking, which costs money. It never sets a quantity.",
        "off, recorded or live",
    )
    provider: ProviderName = setting(
        "openai",
        "Whose language model it is; servers that speak OpenAI's language are openai with a models.base_url.",
        "openai or anthropic",
    )
    primary_model: str = setting("gpt-4o-mini", "Language model that is asked first.", "a model's name", min_length=1)
    small_model: str = setting(
        "",
        "Cheaper language model that stands in when the first fails or has become too dear; empty for none.",
        "a model's name, or nothing",
    )
    base_url: str = setting(
        "", "Where the provider listens, when not at its usual address.", "an address such as http://127.0.0.1:11434/v1"
    )
    cycle_cost_max: Number = setting(
        Decimal("0.50"),
        "US dollars that one morning may cost; what would cost more is judged by rule.",
        "0 to 1000",
        ge=0,
        le=1000,
    )
    timeout_seconds: Number = setting(
        Decimal(30), "How long one answer may take, in seconds.", "more than 0 and at most 600", gt=0, le=600
    )
    attempts_max: Count = setting(
        2, "How often a question is put, when an answer cannot be taken.", "1 to 5", ge=1, le=5
    )
    price_in: Number = setting(
        Decimal(0),
        "US dollars for a million tokens that go in; 0 takes the published price.",
        "0 to 10,000",
        ge=0,
        le=10_000,
    )
    price_out: Number = setting(
        Decimal(0),
        "US dollars for a million tokens that come out; 0 takes the published price.",
        "0 to 10,000",
        ge=0,
        le=10_000,
    )
    openai_api_key: Secret = setting(
        None, "Key for the language model. Better in the environment than in a file.", "a key, or nothing"
    )
    financial_datasets_api_key: Secret = setting(
        None, "Key for company statements. Better in the environment than in a file.", "a key, or nothing"
    )


class Committee(Section):
    """How the analysts' views become one, and what is done without one. The screen abstains where facts are missing."""

    quorum: Count = setting(3, "Analysts with distinct sources that a verdict needs.", "1 to 10", ge=1, le=10)
    without_quorum: Literal["views", "nothing"] = setting(
        "views",
        "What strategies go by when the committee has a quorum on no symbol at all: each analyst's own view, or "
        "nothing, and then nothing is decided.",
        "views or nothing",
    )
    probability_min: Fraction = setting(
        Decimal("0.53"),
        "Pooled probability of a direction from which something is done.",
        'a fraction from 0.5 to below 1, such as 0.53 or "53%"',
        ge=Decimal("0.5"),
        lt=1,
    )
    positions_max: Count = setting(10, "Positions, those held among them.", "1 to 1000", ge=1, le=1000)
    show_reasoning: bool = setting(
        False, "Print every meeting whole when days have run, with each view and its evidence.", "true or false"
    )


class Signals(Section):
    """Opinions from outside: which of them this portfolio listens to."""

    sources: SourceNames = setting(
        (), "Sources that are heard, by name; none listens to nobody.", 'names, such as ["desk"]'
    )
    confidence_min: Fraction = setting(
        Decimal("0.5"),
        "Signals that are less sure are not heard.",
        'a fraction from 0 to 1, such as 0.6 or "60%"',
        ge=0,
        le=1,
    )
    age_max_days: Count = setting(5, "Older signals are not heard, in calendar days.", "1 to 365", ge=1, le=365)


class Demo(Section):
    """What ``bursar demo`` runs when the command line does not say."""

    days: Count = setting(20, "Trading days.", "1 to 2,520", ge=1, le=2520)
    first_day: date = setting(
        date(2022, 1, 3),
        "First trading day; where nothing is said, a day later outside of the United States, as some were shut.",
        "a day, such as 2022-01-03",
    )
    seed: Count = setting(7, "Seed of everything that is simulated.", "0 to 4,294,967,295", ge=0, le=4_294_967_295)


class Log(Section):
    """The log for people. The journal, not the log, is the record of what happened."""

    file: str = setting("ibkr_hedge_fund.log", "Name of the file, in the run's folder.", "a file name", min_length=1)
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting(
        "INFO", "What is worth a line.", "DEBUG, INFO, WARNING or ERROR"
    )


class Store(Section):
    """How what is kept is sealed, and where its tables are. What was written before a key was named stays as it is."""

    key_file: str = setting(
        "",
        "File of the key that seals journals, backups, days of snapshots and the accounts' names in tables; empty for "
        "none. The key itself stands in no setting.",
        'a path from / or ~, such as "~/.bursar.key", which `bursar key` makes, or nothing',
        pattern=FILE,
    )

    database: Secret = setting(
        None,
        "Database of what processes share: tables, people, seconds, lease, commands. Nothing keeps them in files.",
        'a URL, such as "postgresql+psycopg://me@localhost/bursar", or a file of SQLite; it counts as a secret',
    )

    days_in_database: Count = setting(
        2,
        "Full days for which what portfolios were worth each second stays in the database. Then a day is a file.",
        "a whole number from 1 to store.days_kept",
        ge=1,
    )
    days_kept: Count = setting(30, "Days after which such a file is deleted.", "a whole number from 1", ge=1)

    @property
    def databases(self) -> tuple[str, ...]:
        """The database that is named, or none."""
        return (self.database.get_secret_value(),) if self.database else ()

    def cipher(self) -> Cipher | None:
        """What seals and opens, or None without a key. Raises InputError for a key that is missing or is none."""
        if not self.key_file:
            return None
        from bursar.adapters.store.sealing import Cipher  # the store's packages take a while, and few have a key

        return Cipher.from_file(Path(self.key_file).expanduser())

    def retention(self) -> Retention:
        """How long seconds are kept. Raises InputError where they would leave the files before the database."""
        from bursar.adapters.store.snapshots import Retention  # as above

        return Retention(days_in_database=self.days_in_database, days_kept=self.days_kept)


class Settings(Section):
    """Everything that can be set."""

    account: Account = Account()
    sleeve: Sleeve = Sleeve()
    broker: Broker = Broker()
    market: Market = Market()
    schedule: Schedule = Schedule()
    risk: Risk = Risk()
    costs: Costs = Costs()
    execution: Execution = Execution()
    strategy: Strategy = Strategy()
    models: Models = Models()
    committee: Committee = Committee()
    signals: Signals = Signals()
    demo: Demo = Demo()
    log: Log = Log()
    store: Store = Store()
    service: Service = Service()

    def text(self) -> str:
        """Every setting as a line ``section.key = value``, secrets left out: what the journal keeps."""
        return "\n".join(f"{entry.key} = {entry.shown(self)}" for entry in entries())


# ---------------------------------------------------------------- the catalogue of keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One key: ``section.name``, what it means and takes, its default, and its names in the environment."""

    section: str
    name: str
    description: str
    allowed: str
    default: Any
    secret: bool

    @property
    def key(self) -> str:
        """``section.name``."""
        return f"{self.section}.{self.name}"

    @property
    def environment(self) -> tuple[str, ...]:
        """Environment names, the one that wins first."""
        own = f"BURSAR_{self.section}_{self.name}".upper()
        return (own, *(name for name, key in ENVIRONMENT.items() if key == self.key))

    @property
    def short_names(self) -> tuple[str, ...]:
        """Names that bursar.toml takes without a section."""
        return tuple(name for name, key in SHORT_NAMES.items() if key == self.key)

    def value(self, settings: Settings) -> Any:
        """What it is set to."""
        return getattr(getattr(settings, self.section), self.name)

    def shown(self, settings: Settings) -> str:
        """What it is set to, as bursar.toml would write it; of a secret only whether there is one."""
        value = self.value(settings)
        if self.secret:
            return '"set"' if value else '"not set"'
        return as_toml(value)


def entries() -> Iterator[Entry]:
    """Every key, in the order of the sections."""
    for section, holder in Settings.model_fields.items():
        shape = holder.annotation
        assert isinstance(shape, type), f"section {section} is a class"
        assert issubclass(shape, Section), f"section {section} holds settings"
        for name, field in shape.model_fields.items():
            yield Entry(
                section=section,
                name=name,
                description=field.description or "",
                allowed=_allowed(field),
                default=field.default,
                secret=field.annotation == SecretStr | None,
            )


def _allowed(field: FieldInfo) -> str:
    extra = field.json_schema_extra
    return str(extra["allowed"]) if isinstance(extra, dict) else ""


def as_toml(value: object) -> str:
    """``value`` as bursar.toml writes it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case time():
            return f'"{value:%H:%M}"'
        case tuple():
            return "[" + ", ".join(as_toml(item) for item in value) + "]"
        case Decimal():
            return format(value.normalize(), "f")
        case None:
            return '""'
        case _:
            return str(value)
