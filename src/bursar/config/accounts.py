"""Several accounts at once: ``[accounts.NAME]`` in bursar.toml, each with its own way to the broker and its own limits.

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
    [accounts.savings.sleeve]
    capital = 50000
    hands_off = ["AAPL"]

What ``[accounts.NAME.risk]`` does not say stands as ``[risk]`` says. Who an account is, the way to it, its sleeve and
its autonomy are its own; what decides in it (strategies, prices, schedule, costs) is said once for all. An account that
is named here is not traded by that: whether it may be reached is decided at the door (``runtime/door.py``).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from bursar.config.kinds import AmountOrNone, Count
from bursar.config.risk import Risk
from bursar.config.section import Section, setting
from bursar.config.settings import Settings, Sleeve
from bursar.config.sources import find_file
from bursar.domain.accounts import is_paper
from bursar.errors import InputError
from bursar.risk.limits import RiskLimits, strictest

TABLE = "accounts"
#: The account of ``[account]`` and ``[broker]``.
MAIN = "main"


def _any_account(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(r"(DU|DF|U)\d{4,10}", value):
        raise ValueError("not an account number")
    return value


AnyPort = Annotated[int, Field(ge=1, le=65535)]


class AccountProfile(Section):
    """One account: who it is, how it is reached, and what it may do."""

    account_id: Annotated[str, BeforeValidator(_any_account)] = setting(
        "DU9000001", "Account at the broker.", "DU or DF and digits for paper, U and digits for real money"
    )
    mode: Literal["paper", "live"] = setting("paper", "Whether real money moves.", "paper or live")
    host: str = setting("127.0.0.1", "Where the broker's program listens.", "a host name or an address", min_length=1)
    port: AnyPort = setting(4002, "Its port: 7497 or 4002 for paper, 7496 or 4001 for real money.", "1 to 65535")
    client_id: Count = setting(1, "Number of this client.", "1 to 999,999", ge=1, le=999_999)
    base_currency: str = setting(
        "USD", "Currency of the books.", "the ISO 4217 code of a currency, such as USD", pattern=r"^[A-Z]{3}$"
    )
    autonomy: Literal["observe", "propose", "approve", "automatic"] | None = setting(
        None,
        "What is done with a decision here. Left out: what strategy.autonomy says, and with real money observe.",
        "observe, propose, approve or automatic",
    )
    notional_per_day_max: AmountOrNone = setting(
        None,
        "What the opening orders of a session may come to; an account with real money needs one.",
        'an amount above 0, such as 20000, or "" for none',
        gt=0,
    )
    risk: Risk = Risk()
    sleeve: Sleeve = Sleeve()

    def limits(self) -> RiskLimits:
        """The limits of the account: its own, its profiles' and its budget, the strictest of each."""
        own = self.risk.limits()
        if self.notional_per_day_max is None:
            return own
        return strictest([own, own.with_budget(self.notional_per_day_max)])

    def settings(self, base: Settings) -> Settings:
        """All settings as they hold in this account. It is left as it was read: nothing is checked twice."""
        careful = "observe" if not is_paper(self.account_id) else base.strategy.autonomy
        return base.model_copy(
            update={
                "account": base.account.model_copy(
                    update={"account_id": self.account_id, "base_currency": self.base_currency}
                ),
                "broker": base.broker.model_copy(
                    update={"host": self.host, "port": self.port, "client_id": self.client_id}
                ),
                "strategy": base.strategy.model_copy(update={"autonomy": self.autonomy or careful}),
                "risk": self.risk,
                "sleeve": self.sleeve,
            }
        )


def load_accounts(settings: Settings, path: Path | None = None) -> Mapping[str, AccountProfile]:
    """The accounts of bursar.toml by name; the one of ``[account]`` and ``[broker]`` where none is named.

    Raises InputError, one line, for what cannot be used, and where two of them would get in each other's way.
    """
    file = path or find_file()
    tables = _tables(file) if file else {}
    if not tables:
        return single(settings)
    profiles = {name: _profile(name, table, settings, str(file)) for name, table in tables.items()}
    _apart(profiles)
    return profiles


def _tables(file: Path) -> Mapping[str, Any]:
    tables = tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal).get(TABLE, {})
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise InputError(f"{TABLE} in {file} is no table of accounts; write [{TABLE}.NAME] and its keys")
    return tables


def all_accounts(settings: Settings, path: Path | None = None) -> Mapping[str, AccountProfile]:
    """Those of bursar.toml by name, and the one of ``[account]`` and ``[broker]`` as ``main``.

    It is left out where one of them has its name, is that account, or would be the same client at the same port.
    """
    named = load_accounts(settings, path)
    (main,) = single(settings).values()
    taken = MAIN in named or any(_alike(main, profile) for profile in named.values())
    return named if taken else {MAIN: main, **named}


def set_up(settings: Settings, path: Path | None = None) -> Mapping[str, AccountProfile]:
    """Those that somebody set up: each table of bursar.toml, and ``main`` where it is not the one that ships."""
    file, shipped = path or find_file(), AccountProfile()
    named = _tables(file) if file else {}
    return {
        name: profile
        for name, profile in all_accounts(settings, path).items()
        if name in named or profile.account_id != shipped.account_id or _line(profile)[:2] != _line(shipped)[:2]
    }


def _alike(one: AccountProfile, other: AccountProfile) -> bool:
    return one.account_id == other.account_id or _line(one) == _line(other)


def _line(profile: AccountProfile) -> tuple[str, int, int]:
    return profile.host, profile.port, profile.client_id


def single(settings: Settings) -> Mapping[str, AccountProfile]:
    """The one account of ``[account]`` and ``[broker]``, under the name ``main``."""
    profile = AccountProfile(
        account_id=settings.account.account_id,
        host=settings.broker.host,
        port=settings.broker.port,
        client_id=settings.broker.client_id,
        base_currency=settings.account.base_currency,
        risk=settings.risk,
        sleeve=settings.sleeve,
    )
    return {MAIN: profile}


def _profile(name: str, table: Mapping[str, Any], settings: Settings, where: str) -> AccountProfile:
    said = {"base_currency": settings.account.base_currency} | dict(table)
    risk = settings.risk.model_dump() | dict(said.pop("risk", {}))
    try:
        profile = AccountProfile.model_validate(said | {"risk": risk})
        profile.limits()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        value = first.get("input")
        shown = "" if isinstance(value, Mapping) else f" is {value!r}"
        raise InputError(f"{TABLE}.{name}.{key}{shown} in {where}: {first['msg']}") from None
    except InputError as error:
        raise InputError(f"{TABLE}.{name} in {where}: {error}") from None
    return profile


def _apart(profiles: Mapping[str, AccountProfile]) -> None:
    """Refuse two names for one account, and two accounts behind one connection's number."""
    accounts: dict[str, str] = {}
    lines: dict[tuple[str, int, int], str] = {}
    for name, profile in profiles.items():
        other = accounts.setdefault(profile.account_id, name)
        if other != name:
            raise InputError(
                f"{TABLE}.{other} and {TABLE}.{name} are both account {profile.account_id}; an account has one profile"
            )
        line = _line(profile)
        other = lines.setdefault(line, name)
        if other != name:
            raise InputError(
                f"{TABLE}.{other} and {TABLE}.{name} would both be client {profile.client_id} at port {profile.port}; "
                "the broker refuses the second. Give one of them another client_id"
            )
