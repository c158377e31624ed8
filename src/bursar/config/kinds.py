"""The kinds of values that settings are made of, and how each is read from text or TOML.

What cannot be read raises ValueError, which pydantic gathers; the words for people stand beside each
setting (``settings.py``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import time
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from bursar.adapters.vendors.listings import WATCHLISTS
from bursar.domain.accounts import PAPER_PREFIXES

#: Ports behind which real money lies: Trader Workstation's and IB Gateway's.
LIVE_PORTS = frozenset({7496, 4001})

#: Old names of time zones, which newer systems no longer carry.
ZONE_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "US/Eastern": "America/New_York",
        "US/Central": "America/Chicago",
        "US/Mountain": "America/Denver",
        "US/Pacific": "America/Los_Angeles",
    }
)


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a yes or no is not a number")  # noqa: TRY004  pydantic gathers ValueErrors alone
    return value


def _fraction(value: object) -> object:
    """0.2, "0.2" and "20%" are the same fraction."""
    if isinstance(value, str) and value.strip().endswith("%"):
        try:
            return Decimal(value.strip()[:-1].strip()) / 100
        except InvalidOperation as error:
            raise ValueError("not a number before the percent sign") from error
    return _number(value)


def _clock(value: object) -> object:
    # Pydantic would read 930 as seconds after midnight.
    if isinstance(value, time):
        return value
    found = re.fullmatch(r"(\d{1,2}):(\d{2})", value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("not a time of day")
    return time(int(found[1]), int(found[2]))


def names(value: object) -> object:
    """Names in a list, or in a text with commas between them."""
    if isinstance(value, str):
        return tuple(name.strip() for name in value.split(",") if name.strip())
    return value


def _symbols(value: object) -> object:
    """Symbols, where each name of a list that ships stands for its symbols."""
    given = names(value)
    if not isinstance(given, list | tuple):
        return given
    said = [WATCHLISTS[name].symbols if name in WATCHLISTS else (name,) for name in given]
    return tuple(dict.fromkeys(symbol for symbols in said for symbol in symbols))


def _zone(value: object) -> object:
    name = str(value)
    try:
        return ZoneInfo(ZONE_ALIASES.get(name, name)).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("no such time zone") from error


def _account(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Z]{1,2}\d{4,10}", value):
        raise ValueError("not an account number")
    if not value.startswith(PAPER_PREFIXES):
        raise ValueError("a live account")
    return value


def _not_live(port: int) -> int:
    if port in LIVE_PORTS:
        raise ValueError("a live port")
    return port


def _divides_an_hour(minutes: int) -> int:
    if 60 % minutes:
        raise ValueError("the last step of an hour would be shorter")
    return minutes


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _key(value: object) -> object:
    """A line that was left empty is no key."""
    return None if value == "" else value


def _limit(value: object) -> object:
    """A line that was left empty is no limit."""
    return None if value == "" else _number(value)


def _part_or_none(value: object) -> object:
    return None if value == "" else _fraction(value)


Count = Annotated[int, BeforeValidator(_number)]
AmountOrNone = Annotated[Decimal | None, BeforeValidator(_limit)]
FractionOrNone = Annotated[Decimal | None, BeforeValidator(_part_or_none)]
Number = Annotated[Decimal, BeforeValidator(_number)]
Fraction = Annotated[Decimal, BeforeValidator(_fraction)]
Clock = Annotated[time, BeforeValidator(_clock)]
Zone = Annotated[str, BeforeValidator(_zone)]
AccountName = Annotated[str, BeforeValidator(_account)]
Port = Annotated[int, BeforeValidator(_number), Field(ge=1, le=65535), AfterValidator(_not_live)]
MinuteStep = Annotated[int, BeforeValidator(_number), Field(ge=1, le=60), AfterValidator(_divides_an_hour)]
Symbols = Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9.]{0,11}$")], ...], BeforeValidator(_symbols)]
Names = Annotated[tuple[str, ...], BeforeValidator(names)]
ProfileName = Literal["fund", "service", "strategies", "learner"]
ProfileNames = Annotated[tuple[ProfileName, ...], BeforeValidator(names)]
#: The templates that ship (a test holds them against the shelf), and the committee.
StrategyName = Literal[
    "confirmed_dips",
    "confirmed_momentum",
    "long_call",
    "long_put",
    "mean_reversion",
    "momentum",
    "pairs",
    "quality_value",
    "trend",
    "volatility_expansion",
    "equal_weight",
    "five_books",
    "committee",
]
StrategyNames = Annotated[tuple[StrategyName, ...], BeforeValidator(names), Field(min_length=1)]
AgentName = Literal[
    "warren_buffett",
    "valuation_analyst",
    "sentiment_analyst",
    "technical_analyst",
    "fundamentals_analyst",
    "dissenter",
]
AgentNames = Annotated[tuple[AgentName, ...], BeforeValidator(names), Field(min_length=1)]
ProviderName = Annotated[Literal["openai", "anthropic"], BeforeValidator(_lower)]
SourceNames = Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")], ...], BeforeValidator(names)]
MarketName = Literal["US", "AU", "EU", "UK"]
#: Those of ``domain.venues`` that are traded (a test holds them against it).
ExchangeName = Literal["XNYS", "XASX", "XETR", "XLON"]
MarketNames = Annotated[tuple[MarketName, ...], BeforeValidator(names), Field(min_length=1)]
Secret = Annotated[SecretStr | None, BeforeValidator(_key)]
