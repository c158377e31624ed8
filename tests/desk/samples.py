"""Results made by hand, with plausible numbers, to show pages and tables on. Nothing here was traded."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from bursar.domain.orders import Purpose, Side
from bursar.runtime.results import (
    AbstentionLine,
    Benchmark,
    BookSummary,
    CurvePoint,
    DayResult,
    DecisionLine,
    DemoResult,
    FillLine,
    LotLine,
    OrderLine,
    OrderOutcome,
    PositionLine,
    ReportKeys,
    RoundTrip,
    SeedSpread,
    TargetLine,
    Universe,
    ViewLine,
    WithoutBest,
)

FIRST = date(2022, 1, 3)
SYMBOLS = ("AAPL", "BAC", "BBY", "CVX", "GE", "HD", "JNJ", "JPM", "KO", "LLY")
CENT = Decimal("0.01")


def trading_days(count: int, first: date = FIRST) -> list[date]:
    """``count`` weekdays; holidays do not matter here."""
    days: list[date] = []
    day = first
    while len(days) < count:
        if day.weekday() < 5:
            days.append(day)
        day += timedelta(days=1)
    return days


def demo_result(days: int = 20, *, initial: Decimal = Decimal(100_000)) -> DemoResult:
    """A run whose equity wanders, opens four positions, and closes two of them at a stop and a target."""
    dates = trading_days(days)
    equity = [_cents(initial * Decimal(str(1 + 0.012 * math.sin(i / 2.3) - 0.0011 * i))) for i in range(days)]
    equal = [_cents(initial * Decimal(str(1 + 0.009 * math.sin(i / 2.9 + 0.4) - 0.0016 * i))) for i in range(days)]
    before = [initial, *equity]
    results = tuple(_day(index, day, equity[index], equity[index] - before[index]) for index, day in enumerate(dates))
    trips = (
        RoundTrip(
            symbol="GE", opened=dates[0], closed=dates[-1], quantity=Decimal(40), pnl=Decimal("-187.44"), reason="stop"
        ),
        RoundTrip(
            symbol="CVX",
            opened=dates[0],
            closed=dates[-1],
            quantity=Decimal(80),
            pnl=Decimal("912.10"),
            reason="target",
        ),
    )
    positions = tuple(_position(symbol, dates[0], equity[-1]) for symbol in SYMBOLS[:4])
    cash = _cents(equity[-1] - sum((line.value for line in positions), Decimal(0)))
    enough = days > 1
    return DemoResult(
        run_folder=Path("/home/someone/.local/share/bursar/runs/demo"),
        journal_path=Path("/home/someone/.local/share/bursar/runs/demo/journal.sqlite"),
        seed=7,
        currency="USD",
        in_process=True,
        strategy="momentum and mean reversion, half of equity each",
        costs="1 basis point of commission and half of a spread of 4 basis points",
        days=results,
        benchmark=Benchmark(
            name="equal weight of the same 10 stocks",
            kind="total return",
            curve=tuple(CurvePoint(day=day, equity=value) for day, value in zip(dates, equal, strict=True)),
        ),
        book=BookSummary(
            cash=cash,
            positions=positions,
            round_trips=trips,
            realized=Decimal("724.66"),
            unrealized=Decimal("-311.05"),
            fees=sum((result.fees for result in results), Decimal(0)),
        ),
        keys=ReportKeys(
            initial_cash=initial,
            current_value=equity[-1],
            total_return_pct=float(100 * (equity[-1] / initial - 1)),
            total_trades=6,
            current_positions=len(positions),
            cash_balance=cash,
            win_rate=0.5,
            sharpe_ratio=-0.8321 if enough else None,
            max_drawdown=0.0314 if enough else None,
            average_trade_duration_days=27.0,
            missing={} if enough else dict.fromkeys(("sharpe_ratio", "max_drawdown"), "one day has no spread"),
        ),
        universe=Universe(
            origin="20 members of the S&P 500 that somebody chose in 2023",
            symbols=SYMBOLS,
            survivors=True,
            digest="9f2b6c0e" * 8,
        ),
        without_best=WithoutBest(symbols=("CVX", "LLY", "KO"), pnl=Decimal("-1804.20"), total_return_pct=-1.8042),
        simulated=(
            "The way of every price inside a day is simulated.",
            "Spreads, sizes and volumes are simulated.",
        ),
        share_all_cash=0.05,
        cash_weight=0.31,
        bill_return_pct=0.012,
        spread=SeedSpread(total_return_pct={7: -0.988, 8: -1.75, 9: 0.4}),
        notes=("Dividends are in the adjusted prices and are not paid a second time.",),
    )


def _day(index: int, day: date, equity: Decimal, pnl: Decimal) -> DayResult:
    opened = datetime(day.year, day.month, day.day, 14, 35, tzinfo=UTC)
    symbol = SYMBOLS[index % len(SYMBOLS)]
    order_id = f"o-{index + 1:08d}"
    selling = index % 4 == 3
    quiet = index % 5 == 2
    order = OrderLine(
        order_id=order_id,
        symbol=symbol,
        side=Side.SELL if selling else Side.BUY,
        quantity=Decimal(40 + index),
        purpose=Purpose.EXIT if selling else Purpose.ENTRY,
        strategy="momentum",
        reason="stop loss: the bid of 98.11 reached 98.1350" if selling else "strongest over 120 days",
        outcome=OrderOutcome.FILLED,
        filled=Decimal(40 + index),
        average_price=Decimal("123.45"),
        warnings=() if index else ("volatility would be 16.2 % a year; wished at most 15.0 %",),
    )
    stopped = replace(
        order,
        order_id=f"o-{index + 101:08d}",
        symbol="JPM",
        outcome=OrderOutcome.REFUSED_BY_GATE,
        outcome_note="sector_weight: financials would be 31.40 % of equity with JPM; at most 30.00 %",
        filled=Decimal(0),
        average_price=None,
        warnings=(),
    )
    fill = FillLine(
        event_id=f"fill/{order_id}",
        at=opened,
        order_id=order_id,
        symbol=symbol,
        side=order.side,
        quantity=order.quantity,
        price=Decimal("123.45"),
        fee=Decimal("1.23"),
        realized=Decimal("-187.44") if selling else None,
    )
    return DayResult(
        day=day,
        views=tuple(
            ViewLine(
                view_id=f"v-{index * 10 + place:08d}",
                analyst="technical_analyst",
                symbol=name,
                expected_excess_return=0.004 * (place - 4),
                confidence=0.5 + 0.02 * place,
                horizon_days=21,
                evidence=(f"the close is {place} % above its average of 200 days <tested>",),
            )
            for place, name in enumerate(SYMBOLS[:-1])
        ),
        abstentions=(
            AbstentionLine(analyst="technical_analyst", symbols=(SYMBOLS[-1],), reason="history has no volume"),
        ),
        decisions=(
            DecisionLine(decision_id=f"k-{index + 1:08d}", at=opened, skipped="JPM has no two-sided quote")
            if quiet
            else DecisionLine(
                decision_id=f"d-{index + 1:08d}",
                at=opened,
                strategy="momentum + mean reversion",
                equity=equity - pnl,
                targets=tuple(
                    TargetLine(symbol=name, weight=0.15, reason="strongest over 120 days") for name in SYMBOLS[:5]
                ),
            ),
        ),
        orders=() if quiet else (order, stopped) if index % 6 == 1 else (order,),
        fills=() if quiet else (fill,),
        fees=Decimal(0) if quiet else Decimal("1.23"),
        pnl=pnl,
        equity=equity,
        cash=_cents(equity * Decimal("0.31")),
        notes=("half day: the exchange closed at 13:00",) if index == 9 else (),
    )


def _position(symbol: str, acquired: date, equity: Decimal) -> PositionLine:
    place = SYMBOLS.index(symbol)
    first = LotLine(acquired=acquired, quantity=Decimal(60), cost=Decimal(6000), unrealized=Decimal(90 - 60 * place))
    second = LotLine(
        acquired=acquired + timedelta(days=7),
        quantity=Decimal(20 + place),
        cost=Decimal(2000 + 100 * place),
        unrealized=Decimal("-12.5"),
    )
    cost = first.cost + second.cost
    unrealized = first.unrealized + second.unrealized
    return PositionLine(
        symbol=symbol,
        name=f"Company of {symbol}",
        sector="Technology" if place % 2 else "Energy",
        quantity=first.quantity + second.quantity,
        price=Decimal("101.25"),
        value=cost + unrealized,
        weight=float((cost + unrealized) / equity),
        cost=cost,
        unrealized=unrealized,
        lots=(first, second),
    )


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT)
