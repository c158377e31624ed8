"""How faithful the imitation is, as a page: every message from its declaration, and what no message shows.

``docs/gateway-fidelity.md`` is what ``page`` returns; ``python scripts/gateway_fidelity.py`` writes it, and a test
fails while the two differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from bursar.gateway.messages import ABSENT, REPLIES, REQUESTS, VERSIONS
from bursar.gateway.messages.declare import Declaration

FAITHFUL, APPROXIMATE, MISSING = "faithful", "approximate", "absent"


@dataclass(frozen=True, slots=True)
class Trait:
    """How near the gateway comes in one respect, and in which way."""

    subject: str
    fidelity: str
    note: str = ""


#: What no single message shows: subject, how near it comes, and in which way.
BEHAVIOR: Final = (
    Trait(
        "Versions",
        FAITHFUL,
        f"{', '.join(map(str, VERSIONS))}: the highest that a client speaks. Those between are never agreed on: "
        "clients disagree about 158 and 163. From 201 on the protocol is another one (protobuf); clients that speak "
        "it fall back to 178.",
    ),
    Trait("Beginning", FAITHFUL, "accounts, next order id and the state of the data farms follow startApi."),
    Trait("Client ids", FAITHFUL, "one connection each; a second is refused with 326. 32 clients at once."),
    Trait(
        "Order types",
        APPROXIMATE,
        "MKT, LMT, STP, STP LMT, TRAIL, TRAIL LIMIT, MOC, LOC; DAY, GTC, GTD, IOC, FOK, OPG; good after a time. "
        "Every field of an order is read; one that asks for more (algorithms, pegs, scales, adjusted stops, hidden or "
        "minimum sizes ...) is refused, never passed over. Of trigger methods there is one: the last print.",
    ),
    Trait(
        "Brackets",
        APPROXIMATE,
        "children wait (child, or child,trigger) and work for as much as their parent is filled; they end with it. "
        "Exits of one parent are a group of type 3, named after its permId. What is not transmitted is held back "
        "without a word until one of its family is. How TWS divides a part of a fill among children is not confirmed.",
    ),
    Trait(
        "OCA groups",
        APPROXIMATE,
        "type 1 cancels the others at the first fill, types 2 and 3 reduce them in proportion; 0 is taken for 1. One "
        "order is filled after the other, so that nothing need be blocked. Canceling one leaves the others.",
    ),
    Trait(
        "Conditions",
        APPROXIMATE,
        "price, time, margin cushion, executions, volume and percent change, joined one after the other. Once true "
        "they stay true. An execution counts in the order's own account, from when the order came.",
    ),
    Trait(
        "Auctions",
        APPROXIMATE,
        "both trade at the first and the last print of the session, whole or up to a part of its volume, with the "
        "cut-offs of their exchanges; imbalances are not told. The text with which a late order is refused is a guess.",
    ),
    Trait(
        "Outside regular hours",
        APPROXIMATE,
        "orders that say so trade where the tape has quotes then, which simulated days do not; MKT, MOC, LOC and OPG "
        "ignore it (2109).",
    ),
    Trait(
        "Order states",
        APPROXIMATE,
        "PreSubmitted (with whyHeld child, trigger or locate), Submitted, Filled, Cancelled, Inactive, in one order of "
        "messages always: IBKR's varies. PendingSubmit and PendingCancel are left to clients, as IBKR leaves them. "
        "That a stop moved is told when the order is next told.",
    ),
    Trait(
        "Matching",
        APPROXIMATE,
        "against the best bid and ask of a simulated path, one order after the other as they came. On `Terms`: at most "
        "the size on display, or a made-up book with a queue and a part of the volume (`Liquidity`). A stop fills "
        "at the market that it finds at the first print through it.",
    ),
    Trait("Halts", APPROXIMATE, "of a symbol, on a schedule of the world: orders rest, nothing is quoted or printed."),
    Trait(
        "Corporate actions",
        APPROXIMATE,
        "dividends, splits, new names and spin-offs, on a schedule of the world. Orders of the symbol are canceled, "
        "except for a dividend, for which IBKR would adjust some that ask for it. Fractions are paid in cash at the "
        "last price, withholding tax is not taken, dividends that are due are in no value before they are paid.",
    ),
    Trait(
        "Corrections of executions",
        APPROXIMATE,
        "on command: the same id with a last part one higher, in whose place it then stands, at another price or of "
        "fewer shares. That a bust is told as an execution of no shares, that an order which still works then works "
        "for them again and one that was filled stays so, and that a new price leaves the commission, are guesses.",
    ),
    Trait(
        "Orders made by hand in TWS, master client",
        APPROXIMATE,
        "on command: they belong to client 0, without a number until it binds them (a number below zero). The master "
        "client is told of every client's orders.",
    ),
    Trait(
        "Financial advisers",
        APPROXIMATE,
        "an adviser's master account is named before those of the clients, and its values are theirs together; every "
        "order names a client's account or a group. A group shares an order by EqualQuantity, NetLiq, AvailableEquity, "
        "Ratio, Percent or ContractsOrShares, when it comes; each fill is told as one execution for each account. "
        "Refused by name: allocation profiles, PctChange and other methods, what-ifs, another size, brackets and OCA "
        "groups of an order for a group, parts that sell short, models. How IBKR rounds parts to lots, and in which "
        "order it hands out fills, is a guess.",
    ),
    Trait(
        "Accounts",
        APPROXIMATE,
        "cash and Reg T accounts in several currencies, with every tag that two recorded accounts were told; tags of "
        "what is not traded here are zero. Values are told after executions and postings; IBKR also tells them every "
        "three minutes, which is off here unless `Limits.account_updates` asks for it. Profit follows prices at every "
        "instant. SMA is equity less Reg T margin of the moment, "
        "without its history; day trades are not counted (DayTradesRemaining is -1).",
    ),
    Trait(
        "Margin",
        APPROXIMATE,
        "50 % initial at all hours, where IBKR asks 25 % during the day and 50 % at its end, so that buying power is "
        "twice and not four times what is available; maintenance 25 % long and 30 % short, more for cheap shorts. No "
        "house margin, concentration or portfolio margin. Of a cash account: the value of what it holds.",
    ),
    Trait(
        "Liquidation",
        APPROXIMATE,
        "in real time, without a call: all orders are canceled, then the position that needs the most is closed at "
        "the market, as far as is needed, by an order of client 0 with a number below zero. IBKR promises no rule; "
        "that it was the broker is told in the execution.",
    ),
    Trait(
        "Selling short",
        APPROXIMATE,
        "whether and at what fee shares are lent is said by the terms and not by a market; where there are too few, "
        "an order is held with 404 and whyHeld locate. Shares are never called back.",
    ),
    Trait(
        "Interest",
        APPROXIMATE,
        "the tiers of IBKR Pro over benchmarks that the terms give, on settled cash, accrued daily and posted on the "
        "third trading day of the next month. Tiers are as published for dollars and used for every currency; the "
        "proceeds of shorts earn nothing.",
    ),
    Trait(
        "Settlement and good faith",
        APPROXIMATE,
        "dated cycles of US, Australian, German and British shares. A cash account may buy with proceeds that have "
        "not settled, as IBKR lets it; "
        "violations of good faith are counted only on request (`Terms.good_faith`), and three in a year restrict it to "
        "settled cash for 90 days. IBKR's own number was not confirmed.",
    ),
    Trait(
        "Currencies",
        APPROXIMATE,
        "pairs are exchanged at once and leave no virtual position, at 0.2 basis points and USD 2.00 at least; a cash "
        "account must have what it pays abroad, a margin account borrows it, without a haircut.",
    ),
    Trait(
        "Statements",
        APPROXIMATE,
        "a Flex report by a function, not over a web service: trades first in first out, corporate actions, cash, "
        "positions, equity by day. What IBKR tells beyond is left out; dividends do not accrue between their days.",
    ),
    Trait(
        "Commissions",
        APPROXIMATE,
        "IBKR Pro fixed or tiered for US shares; the fixed plans of Australia and Germany (8 and 5 basis points, at "
        "least AUD 6 and EUR 3, as published for smart routing); or plain basis points on adjusted prices. Stamp duty "
        "and taxes on transactions abroad are not charged. The SEC's fee is dated; the "
        "dates of 2022 and 2023 and the row of 2026 are not confirmed, nor are the dates of FINRA's fee and its rate "
        "of 2022. In the tiered plan every fill takes liquidity at one exchange's fee; the consolidated audit trail's "
        "fee is not charged.",
    ),
    Trait(
        "Instruments",
        APPROXIMATE,
        "stocks and funds of the United States, Sydney (ASX), Frankfurt (IBIS) and London (LSE), and pairs of "
        "currencies. London is quoted in pounds, where IBKR tells pence with a price magnifier of 100. One tick holds "
        "at every price, where prices abroad have tables of them. Auctions that others hold after the bell are held at "
        "it. "
        "The zone of an exchange is told by its IANA name where IBKR's own is not known, and every time in US/Eastern.",
    ),
    Trait(
        "Market data",
        APPROXIMATE,
        "bid, ask, last and their sizes, the day's open, high, low, close, and volume with every print. Everybody has "
        "live data unless `Permissions` say otherwise (354, 10167, 10168, 10197); delayed prices are those of a "
        "quarter of an hour ago. The size of the last trade is 0. Generic ticks are not sent.",
    ),
    Trait("History", APPROXIMATE, "bars of trades, from the tape alone."),
    Trait(
        "Limits on rates",
        APPROXIMATE,
        "where `Limits` switch them on: 50 messages a second (100, and the third second of them ends the connection; "
        "a client that says +PACEAPI waits instead), the pacing of history (162), for bars of all sizes. What becomes "
        "of a message too many is a guess: it is not acted on. 100 lines of market data (101) are always counted.",
    ),
    Trait(
        "Lost and restored connectivity, farms that break, restarts, logins",
        APPROXIMATE,
        "on command alone, as users report them: see [the catalogue of faults](faults.md). While IBKR is out of reach "
        "orders are refused with 1100 under their own number; what a real TWS answers then is not known to us.",
    ),
    Trait(
        "Time",
        APPROXIMATE,
        "virtual. While it flows, the time that is told runs between instants; executions carry their instant.",
    ),
)

#: Errors that are sent, and when. Texts are IBKR's where IBKR documents one.
CODES: Final[Mapping[int, str]] = MappingProxyType(
    {
        100: "more messages a second than allowed, where they are counted",
        101: "more market data lines than allowed",
        103: "an order id that was used, or is below one that was",
        104: "a change of a filled order",
        105: "a change of what must stay (side, contract, account ...)",
        110: "a price off the tick",
        111: "IOC, FOK or OPG with an order that is neither MKT nor LMT",
        113: "an order of the closing auction that is not for the DAY",
        135: "a child without a parent",
        147: "a condition on a contract that is unknown",
        158: "a trailing order without a distance",
        159: "a trailing percent that is not between 0 and 100",
        161: "a cancellation of an order whose auction takes no more changes",
        162: "no bars, bars that cannot be made, bars without permission, or too many requests where they are paced",
        200: "a contract that is unknown or contradicts itself",
        201: "an order for which there is no money, margin or exchange rate, a sale of what is not held, a child of a "
        "parent that ended, or an order for an auction that takes no more",
        202: "an order was canceled",
        300: "a market data line that is not open",
        320: "bytes that cannot be read; the connection is closed",
        321: "a request that is not valid, or not supported here; the text says which",
        322: "a number that is in use, or too many summaries",
        326: "a client id that is in use; the connection is closed",
        327: "orders made by hand that another client than 0 wants",
        334: "a GTD that is over",
        337: "a time of an order that is none",
        354: "market data that is not subscribed",
        366: "a history request that is not open",
        387: "an order type that is not traded",
        399: "an order that waits for the next session",
        404: "a short sale for which no shares were found yet: the order waits",
        434: "an order without a size",
        501: "a second startApi",
        505: "a message that no version knows",
        1100: "IBKR is out of reach (on command)",
        1101: "IBKR is there again, and market data has to be asked for again",
        1102: "IBKR is there again",
        2103: "the market data farm is gone (on command)",
        2104: "the market data farm is there",
        2105: "the history farm is gone (on command)",
        2106: "the history farm is there",
        2107: "the history farm sleeps (on command)",
        2108: "the market data farm sleeps (on command)",
        2109: "outside of regular hours was asked for, and is ignored",
        2110: "IBKR is out of reach, for a client that connects meanwhile (unconfirmed)",
        2157: "the contract farm is gone (on command)",
        2158: "the contract farm is there",
        10147: "a cancellation of an order that never was",
        10148: "a cancellation of an order that ended",
        10167: "market data that is not subscribed, and delayed data instead",
        10168: "market data that is not subscribed, and no delayed data either",
        10197: "another session took the market data",
        10243: "a fraction of a share where only whole ones trade",
        10314: "a date or time that is none",
        10326: "a change of an order's group",
        10341: "a change of an order's parent",
        10349: "an order without a time in force, where a preset gives it one (``Terms.presets``)",
    }
)

_HEAD = """# How faithful the gateway is

Generated by `python scripts/gateway_fidelity.py` from the tables in `src/bursar/gateway/messages`; do not edit.

The gateway imitates what Interactive Brokers' TWS and IB Gateway say to clients of their API. **No real TWS was
available**: layouts are compared field by field with what two clients read and write (ib_async 2.1.0 and ibapi
9.81.1), sequences with what they need, and codes and texts with IBKR's pages. *Faithful* means that these clients see
what they expect of the real thing; *approximate* says where it falls short; *absent* is refused in words, so that
nobody waits. Whatever order, timing or wording a client could not show us is unconfirmed, all of it; what we know
to be a guess is named below.
"""


def page() -> str:
    """The whole page, as Markdown."""
    declared = [*REQUESTS.values(), *REPLIES.values()]
    guesses = [(each.kind.__name__, each.unconfirmed) for each in declared if each.unconfirmed]
    return "\n".join(
        (
            _HEAD,
            "## What clients send\n",
            *_messages(REQUESTS.values()),
            "\n## What they are told\n",
            *_messages(REPLIES.values()),
            "\n## What is refused\n",
            "Each of these is answered with error 321 under the number of its request.\n",
            *_table(
                ("number", "request"), ((str(number), f"`{name}`") for number, (name, _) in sorted(ABSENT.items()))
            ),
            "\n## Behavior\n",
            *_table(("", "", ""), ((each.subject, each.fidelity, each.note) for each in BEHAVIOR)),
            "\n## Errors\n",
            *_table(("code", "when"), ((str(code), when) for code, when in CODES.items())),
            "\n## Guesses\n",
            *(f"- {name}: {what}." for name, what in guesses),
            "- Sizes of bids and asks are in shares in all versions; older versions of TWS may tell US stocks in lots.",
            "- Times are told in US/Eastern; in TWS that is a choice at log-in.",
            "- A trailing stop that is given a price to begin at moves to its distance from the next print.",
            "- A child of a parent that ended, filled or not, is refused with 201, as users report.",
            "- An order that waits for conditions or a time is PreSubmitted with an empty whyHeld.",
            "- MOC and LOC are Submitted while the session is open, though the exchange deals with them at its close.",
            "- Numbers that a roll-back sets free are those of orders that ended; which ones TWS forgets is not known.",
            "",
        )
    )


def _messages(declarations: Iterable[Declaration]) -> list[str]:
    rows = (
        (
            str(each.number),
            f"`{each.kind.__name__}`",
            each.fidelity.value,
            each.summary.replace("``", "`") + (f" *{each.lacks[0].upper()}{each.lacks[1:]}.*" if each.lacks else ""),
        )
        for each in sorted(declarations, key=lambda each: each.number)
    )
    return _table(("number", "message", "", "what it says"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [_row(head), _row("---" for _ in head), *map(_row, rows)]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
