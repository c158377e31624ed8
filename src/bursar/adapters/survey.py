"""What listens on the four ports of IBKR's programs, and what it says of itself. It only looks: no order is sent.

    7497  Trader Workstation, paper      4002  IB Gateway, paper, or Bursar's own gateway
    7496  Trader Workstation, live       4001  IB Gateway, live

A port alone does not say whether the money is real: the accounts behind it do. A live one is looked at as well, by
requests that change nothing, so that its owner is told what was found.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import ib_async
from ib_async.ib import StartupFetch

from bursar.domain.accounts import is_paper

#: Each port, and the program that uses it unless somebody changed that.
PORTS = {
    7497: "Trader Workstation, paper",
    4002: "IB Gateway, paper, or Bursar's own",
    7496: "Trader Workstation, live",
    4001: "IB Gateway, live",
}

#: Far from those in use, so that the look disturbs nobody.
SURVEYOR = 999_001
#: What is said where another login has the market data.
COMPETING = "another login of the same user has the market data"
#: What market data of a stock is refused with, and what that means.
REFUSALS = {
    354: "no subscription: prices are not told",
    10167: "delayed prices only: they can propose, and never trade",
    10168: "no subscription, and delayed prices are not switched on",
    10197: COMPETING,
}
#: What Trader Workstation refuses questions about orders with while its API is read-only, and how that is told.
REFUSED, READ_ONLY = 321, "read-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One account behind a port. equity, cash, power to buy: None where they were not told; in ``currency``."""

    account: str
    paper: bool
    kind: str = ""
    currency: str = ""
    equity: Decimal | None = None
    cash: Decimal | None = None
    power: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One port.

    listens   a program answers there at all
    answers   it speaks IBKR's protocol with us
    trouble   what went wrong in between, in the words of whoever said it
    data      what was said about live market data; empty where nothing speaks against it
    read_only True where it says that orders cannot pass
    size_step of a stock that everybody knows; None where it was not told
    """

    port: int
    program: str
    listens: bool = False
    answers: bool = False
    version: int = 0
    accounts: tuple[Holder, ...] = ()
    data: str = ""
    trouble: str = ""
    positions: int = field(default=0)
    read_only: bool = False
    size_step: Decimal | None = None


async def survey(
    host: str = "127.0.0.1", ports: tuple[int, ...] = tuple(PORTS), timeout_seconds: float = 5.0
) -> tuple[Found, ...]:
    """Look at each of ``ports``, one after another."""
    return tuple([await _look(host, port, timeout_seconds) for port in ports])


async def _look(host: str, port: int, timeout_seconds: float) -> Found:
    program = PORTS.get(port, "unknown to us")
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), timeout_seconds)
        writer.close()
    except (OSError, TimeoutError) as error:
        return Found(port=port, program=program, trouble=str(error) or "no answer")
    client = ib_async.IB()
    client.RaiseRequestErrors = True
    try:
        await asyncio.wait_for(
            client.connectAsync(
                host, port, SURVEYOR, timeout=timeout_seconds, readonly=True, fetchFields=StartupFetch.POSITIONS
            ),
            timeout_seconds + 1,
        )
    except (OSError, TimeoutError, ib_async.wrapper.RequestError) as error:
        client.disconnect()
        said = str(error) or "it hung up before saying who it is"
        return Found(port=port, program=program, listens=True, trouble=said)
    try:
        data, step = await _data(client, timeout_seconds)
        return Found(
            port=port,
            program=program,
            listens=True,
            answers=True,
            version=client.client.serverVersion(),
            accounts=await _accounts(client, timeout_seconds),
            data=data,
            positions=len(client.positions()),
            read_only=await _read_only(client, timeout_seconds),
            size_step=step,
        )
    finally:
        client.disconnect()
        # ib_async closes its socket in the next turn of the loop.
        await asyncio.sleep(0)


async def _accounts(client: ib_async.IB, timeout_seconds: float) -> tuple[Holder, ...]:
    told: dict[str, dict[str, ib_async.AccountValue]] = {}
    try:
        for value in await asyncio.wait_for(client.accountSummaryAsync(), timeout_seconds):
            told.setdefault(value.account, {})[value.tag] = value
    except TimeoutError:
        told = {}  # who they are is known all the same; what they hold stays unknown
    return tuple(_holder(name, told.get(name, {})) for name in client.managedAccounts())


def _holder(name: str, values: dict[str, ib_async.AccountValue]) -> Holder:
    def amount(tag: str) -> Decimal | None:
        return Decimal(values[tag].value) if tag in values else None

    worth = values.get("NetLiquidation")
    return Holder(
        account=name,
        paper=is_paper(name),
        kind=values["AccountType"].value if "AccountType" in values else "",
        currency=worth.currency if worth else "",
        equity=amount("NetLiquidation"),
        cash=amount("TotalCashValue"),
        power=amount("BuyingPower"),
    )


async def _read_only(client: ib_async.IB, timeout_seconds: float) -> bool:
    """Whether orders may not even be asked about, which the program says where its API is read-only."""
    said: list[str] = []

    def heard(_number: int, code: int, text: str, _contract: object) -> None:
        if code == REFUSED:
            said.append(text.lower())

    client.errorEvent += heard
    api: Any = client.client  # ib_async leaves it without types
    try:
        api.reqOpenOrders()
        await asyncio.wait_for(client.reqCurrentTimeAsync(), timeout_seconds)
    except (TimeoutError, ib_async.wrapper.RequestError):
        return False
    finally:
        client.errorEvent -= heard
    return any(READ_ONLY in text for text in said)


async def _data(client: ib_async.IB, timeout_seconds: float) -> tuple[str, Decimal | None]:
    """What is said when live prices of a stock that everybody knows are asked for, and in which steps it trades."""
    said: list[str] = []

    def heard(_number: int, code: int, _text: str, _contract: object) -> None:
        if code in REFUSALS:
            said.append(REFUSALS[code])

    client.errorEvent += heard
    stock = ib_async.Stock("AAPL", "SMART", "USD")
    try:
        details = await asyncio.wait_for(client.reqContractDetailsAsync(stock), timeout_seconds)
        if not details or details[0].contract is None:
            return "it knows no AAPL, so no price could be asked for", None
        client.reqMktData(details[0].contract, snapshot=True)
        await asyncio.wait_for(client.reqCurrentTimeAsync(), timeout_seconds)
    except (TimeoutError, ib_async.wrapper.RequestError):
        return "it did not answer when prices were asked for", None
    finally:
        client.errorEvent -= heard
    step = Decimal(str(details[0].sizeIncrement))
    return (said[0] if said else ""), step if step > 0 else None
