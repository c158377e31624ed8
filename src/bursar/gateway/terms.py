"""On what terms the exchange deals: whose accounts it keeps, what it charges, and what it lets them do."""

from __future__ import annotations

from dataclasses import MISSING, Field, dataclass, field, fields
from decimal import Decimal
from typing import Any

from bursar.errors import InputError
from bursar.gateway.borrow import Lending
from bursar.gateway.fees import BasisPoints, ConversionFee, FeeSchedule
from bursar.gateway.interest import InterestPlan
from bursar.gateway.margin import MarginRules
from bursar.gateway.matching.liquidity import Liquidity

#: Our accounts begin like this, so that nobody takes them for real ones.
ACCOUNT_PREFIX = "DU9"
#: And so an adviser's master account.
ADVISER_PREFIX = "DF9"
#: What every log of commands names, in this order; whatever came later is named only where it is not as usual.
_ALWAYS = ("seed", "accounts", "cash", "currency", "fees", "shorts_allowed", "partial_fills")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Terms:
    """On what terms the exchange deals.

    cash            that each account begins with
    shorts_allowed  in cash accounts, against 150 % in cash; margin accounts may anyhow
    margin          the rules of margin accounts; None for cash accounts
    lending         what can be borrowed to sell short, and its price; None: everything, for nothing
    interest        on cash, and what is owed; None for none at all
    conversion      what exchanging currencies costs
    good_faith      cash accounts that sell what they have not paid for are restricted (``faith``)
    adviser         the master account of a financial adviser, whose clients the accounts then are; "" for none
    liquidity       a book with a depth, a queue and a part of the volume; None for as much as is wanted, or displayed
    master_client   is told of the orders of every client; None for none
    presets         an order without a time in force is for the day, and says so with 10349, as where TWS has a preset
    """

    seed: int = 0
    accounts: tuple[str, ...] = ("DU9000001",)
    cash: Decimal = Decimal(100_000)
    currency: str = "USD"
    fees: FeeSchedule = field(default_factory=BasisPoints)
    shorts_allowed: bool = False
    partial_fills: bool = False
    margin: MarginRules | None = None
    lending: Lending | None = None
    interest: InterestPlan | None = None
    conversion: ConversionFee = field(default_factory=ConversionFee)
    good_faith: bool = False
    adviser: str = ""
    liquidity: Liquidity | None = None
    presets: bool = False
    master_client: int | None = None

    def __post_init__(self) -> None:
        if not self.accounts or len(set(self.accounts)) != len(self.accounts):
            raise InputError("an exchange needs at least one account, each named once")
        for name in self.accounts:
            if not name.startswith(ACCOUNT_PREFIX):
                raise InputError(f"account {name!r} could be taken for a real one; begin it with {ACCOUNT_PREFIX}")
        if self.adviser and not self.adviser.startswith(ADVISER_PREFIX):
            raise InputError(f"adviser {self.adviser!r} could be taken for a real one; begin it with {ADVISER_PREFIX}")
        if self.good_faith and self.margin is not None:
            raise InputError("good_faith is a rule of cash accounts, and these have margin; leave one of them out")

    def __repr__(self) -> str:
        """Name the terms so that a log which was kept before there were more of them still fits."""
        told = (each.name for each in fields(self) if each.name in _ALWAYS or getattr(self, each.name) != _usual(each))
        return f"Terms({', '.join(f'{name}={getattr(self, name)!r}' for name in told)})"


def _usual(term: Field[Any]) -> object:
    """What ``term`` is where nobody says otherwise."""
    return term.default if term.default_factory is MISSING else term.default_factory()
