"""An adviser's groups of accounts, their aliases, and who gets how much of an order for a group.

Groups and aliases come and go as XML, in the words that TWS uses since version 177 of the protocol: a group has a
method, and where the method needs them an amount for each account. Allocation profiles, which older clients kept apart,
are groups with amounts here.

    EqualQuantity      the same for each account
    NetLiq             in proportion to net liquidation
    AvailableEquity    in proportion to what is available for a new order
    Ratio, Percent     in proportion to the amounts
    ContractsOrShares  the amounts, which are the order's size together

Shares come in whole lots: what rounding down leaves goes lot by lot to the accounts that lost most by it, in the order
in which the group names them. What is filled is handed out in the same way, in proportion to what each still waits for.

Source: IBKR, "TWS API: Allocation Methods and Groups", and the samples of its testbed (FaAllocationSamples).
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from xml.sax.saxutils import escape

from bursar.domain.money import ZERO
from bursar.errors import InputError

GROUPS, PROFILES, ALIASES = 1, 2, 3
#: What the amounts of a group are used for.
EQUAL, NET_LIQUIDATION, AVAILABLE, SHARES = "EqualQuantity", "NetLiq", "AvailableEquity", "ContractsOrShares"
PROPORTIONAL = frozenset({"Ratio", "Percent"})
METHODS = (EQUAL, NET_LIQUIDATION, AVAILABLE, "Ratio", "Percent", SHARES)
#: Longer ones are no work of an adviser.
XML_LENGTH_MAX = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Accounts that share an order; ``amounts`` say how, for methods that need them, and are None otherwise."""

    name: str
    method: str
    accounts: tuple[str, ...]
    amounts: tuple[Decimal, ...] | None = None


class Advice:
    """The groups and aliases of one adviser, whose clients are ``accounts``."""

    def __init__(self, accounts: Iterable[str]) -> None:
        self._accounts = tuple(accounts)
        self.groups: Mapping[str, Group] = {}
        self.aliases: Mapping[str, str] = {account: account for account in self._accounts}

    def replace(self, kind: int, text: str) -> None:
        """Take ``text`` for all groups, or all aliases. Raises InputError where it is neither, and changes nothing."""
        root = _parsed(text)
        if kind == GROUPS:
            groups = [self._group(each) for each in root.iter("Group")]
            if len({group.name for group in groups}) < len(groups):
                raise InputError("two groups have the same name; give each one of its own")
            self.groups = {group.name: group for group in groups}
            return
        said = {_text(each, "account"): _text(each, "alias") for each in root.iter("AccountAlias")}
        if unknown := said.keys() - set(self._accounts):
            raise InputError(f"no account {min(unknown)!r}; the adviser has {', '.join(self._accounts)}")
        self.aliases = {account: said.get(account, account) for account in self._accounts}

    def told(self, kind: int) -> str:
        """All groups, or all aliases, as XML."""
        if kind == GROUPS:
            return _document("ListOfGroups", map(_group_text, self.groups.values()))
        rows = (
            f"<AccountAlias><account>{account}</account><alias>{escape(alias)}</alias></AccountAlias>"
            for account, alias in self.aliases.items()
        )
        return _document("ListOfAccountAliases", rows)

    def _group(self, element: ET.Element) -> Group:
        name, method = _text(element, "name"), _text(element, "defaultMethod")
        if method not in METHODS:
            raise InputError(f"group {name!r} has the method {method!r}, which is not imitated: {', '.join(METHODS)}")
        plain = [(each.text or "").strip() for each in element.iter("String")]
        shared = [(_text(each, "acct"), each.findtext("amount")) for each in element.iter("Account")]
        accounts = tuple(plain) or tuple(account for account, _ in shared)
        if not accounts or len(set(accounts)) < len(accounts) or not set(accounts) <= set(self._accounts):
            raise InputError(f"group {name!r} needs accounts of {', '.join(self._accounts)}, each named once")
        amounts = None
        if method in PROPORTIONAL or method == SHARES:
            amounts = tuple(_amount(name, amount) for _, amount in shared)
            if len(amounts) < len(accounts):
                raise InputError(f"group {name!r} needs an amount for each account: {method} is in proportion to them")
        return Group(name=name, method=method, accounts=accounts, amounts=amounts)


def shared_out(quantity: Decimal, weights: Iterable[Decimal], lot: Decimal) -> tuple[Decimal, ...]:
    """``quantity`` in proportion to ``weights``, which are not all zero, in whole lots that add up to it."""
    given = [max(weight, ZERO) for weight in weights]
    total = sum(given, ZERO)
    exact = [quantity * weight / total for weight in given]
    shares = [(each / lot).to_integral_value(ROUND_FLOOR) * lot for each in exact]
    losers = sorted(range(len(given)), key=lambda place: shares[place] - exact[place])
    left = quantity - sum(shares, ZERO)
    while left > 0:
        for place in losers:
            if left > 0 and given[place]:
                shares[place] += lot
                left -= lot
    return tuple(shares)


def _parsed(text: str) -> ET.Element:
    # A document type could make a short text long without end; TWS's never have one.
    if len(text) > XML_LENGTH_MAX or "<!" in text:
        raise InputError(f"this is longer than {XML_LENGTH_MAX} letters, or declares a document type; send plain XML")
    try:
        return ET.fromstring(text)  # noqa: S314 - entities are refused above, and nothing else can grow
    except ET.ParseError as error:
        raise InputError(f"this is no XML: {error}") from error


def _text(element: ET.Element, name: str) -> str:
    text = (element.findtext(name) or "").strip()
    if not text:
        raise InputError(f"a {element.tag} lacks its {name}")
    return text


def _amount(group: str, text: str | None) -> Decimal:
    try:
        amount = Decimal((text or "").strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount <= 0:
        raise InputError(f"group {group!r} has the amount {text!r}; give a number above zero")
    return amount


def _document(name: str, rows: Iterable[str]) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><{name}>{"".join(rows)}</{name}>'


def _group_text(group: Group) -> str:
    if group.amounts is None:
        rows = "".join(f"<String>{account}</String>" for account in group.accounts)
    else:
        pairs = zip(group.accounts, group.amounts, strict=True)
        rows = "".join(f"<Account><acct>{name}</acct><amount>{amount:f}</amount></Account>" for name, amount in pairs)
    return (
        f"<Group><name>{escape(group.name)}</name><defaultMethod>{group.method}</defaultMethod>"
        f'<ListOfAccts varName="list">{rows}</ListOfAccts></Group>'
    )
