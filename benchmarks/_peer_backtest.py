"""Peers of benchmarks/backtest.py in an environment of their own: nautilus_trader, backtrader and bt.

Each makes 20 stocks equal again at the first close of each month, at five basis points. What a peer needs beforehand
(bars, frames) is made before the clock runs; the engine, the run and its result are timed.
Answers one JSON line to each JSON line; see benchmarks/_harness.py, Worker.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd  # type: ignore[import-untyped,unused-ignore]  # in the environment of peers alone

clock = time.process_time if os.environ.get("BENCH_CLOCK") == "cpu" else time.perf_counter
RATE, CASH = 0.0005, 1_000_000.0


@cache
def inputs(path: str) -> tuple[pd.DataFrame, frozenset[Any]]:
    """Closes, a column a stock, and the days that are decided on."""
    held = np.load(path)
    days = pd.DatetimeIndex(held["days"].astype("datetime64[ns]"))
    closes = pd.DataFrame(held["closes"], index=days, columns=[f"S{n:03d}" for n in range(held["closes"].shape[1])])
    return closes, frozenset(days[held["decided"]].date)


# ---------------------------------------------------------------- backtrader


@cache
def _feeds(path: str) -> list[list[tuple[float, float]]]:
    """The days and closes of each stock, as numbers: reading them out of a frame takes most of this peer's time."""
    from backtrader import date2num  # type: ignore[import-not-found]  # likewise

    closes, _ = inputs(path)
    days = [date2num(stamp.to_pydatetime()) for stamp in closes.index]
    return [list(zip(days, column.to_list(), strict=True)) for _, column in closes.items()]


def backtrader(path: str) -> dict[str, float]:
    """Orders that were filled, and the final value."""
    import backtrader as bt

    _, decided = inputs(path)
    feeds = _feeds(path)

    class Rows(bt.feed.DataBase):  # type: ignore[misc]  # likewise
        params = (("rows", ()),)

        def start(self) -> None:
            super().start()
            self.left = iter(self.p.rows)

        def _load(self) -> bool:
            row = next(self.left, None)
            if row is None:
                return False
            lines = self.lines
            lines.datetime[0], close = row
            lines.open[0] = lines.high[0] = lines.low[0] = lines.close[0] = close
            lines.volume[0], lines.openinterest[0] = 1e9, 0.0
            return True

    class Equal(bt.Strategy):  # type: ignore[misc]  # likewise
        filled = 0

        def next(self) -> None:
            if self.datas[0].datetime.date(0) in decided:
                part = 0.995 / len(self.datas)
                for data in sorted(self.datas, key=lambda d: -self.getposition(d).size * d.close[0]):
                    self.order_target_percent(data, part)

        def notify_order(self, order: Any) -> None:
            Equal.filled += order.status == order.Completed

    start = clock()
    cerebro = bt.Cerebro(stdstats=False)
    for number, rows in enumerate(feeds):
        cerebro.adddata(Rows(rows=rows), name=f"S{number:03d}")
    cerebro.addstrategy(Equal)
    cerebro.broker.setcash(CASH)
    cerebro.broker.setcommission(commission=RATE)
    cerebro.broker.set_coc(True)
    cerebro.run()
    seconds = clock() - start
    return {"seconds": seconds, "orders": Equal.filled, "final": cerebro.broker.getvalue()}


# ---------------------------------------------------------------- bt


def bt(path: str) -> dict[str, float]:
    """Trades, and the final value."""
    import bt as flat  # type: ignore[import-not-found]  # likewise

    closes, _ = inputs(path)
    start = clock()
    algos = [flat.algos.RunMonthly(run_on_first_date=True), flat.algos.SelectAll(), flat.algos.WeighEqually()]
    strategy = flat.Strategy("equal", [*algos, flat.algos.Rebalance()])
    test = flat.Backtest(
        strategy, closes, initial_capital=CASH, integer_positions=True,
        commissions=lambda quantity, price: abs(quantity) * price * RATE, progress_bar=False,
    )  # fmt: skip
    flat.run(test)
    seconds = clock() - start
    return {"seconds": seconds, "orders": len(test.strategy.get_transactions()), "final": float(test.strategy.value)}


# ---------------------------------------------------------------- nautilus_trader


@cache
def _bars(path: str) -> tuple[list[Any], list[Any], list[Any]]:
    from decimal import Decimal

    from nautilus_trader.model.currencies import USD  # type: ignore[import-not-found]  # likewise
    from nautilus_trader.model.data import Bar, BarType  # type: ignore[import-not-found]  # likewise
    from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue  # type: ignore[import-not-found]
    from nautilus_trader.model.instruments import Equity  # type: ignore[import-not-found]  # likewise
    from nautilus_trader.model.objects import Price, Quantity  # type: ignore[import-not-found]  # likewise

    closes, _ = inputs(path)
    equities, types, bars = [], [], []
    stamps = [stamp.value + 21 * 3600 * 10**9 for stamp in closes.index]
    for name, column in closes.items():
        key = InstrumentId(Symbol(str(name)), Venue("XNYS"))
        equities.append(
            Equity(
                instrument_id=key, raw_symbol=Symbol(str(name)), currency=USD, price_precision=4,
                price_increment=Price(0.0001, 4), lot_size=Quantity.from_int(1), ts_event=0, ts_init=0,
                maker_fee=Decimal("0.0005"), taker_fee=Decimal("0.0005"),
            )
        )  # fmt: skip
        kind = BarType.from_str(f"{key}-1-DAY-LAST-EXTERNAL")
        types.append(kind)
        volume = Quantity.from_int(1_000_000_000)
        for stamp, close in zip(stamps, column.to_list(), strict=True):
            price = Price(close, 4)
            bars.append(Bar(kind, price, price, price, price, volume, stamp, stamp))
    bars.sort(key=lambda bar: bar.ts_init)
    return equities, types, bars


def nautilus(path: str) -> dict[str, float]:
    """Orders that were filled, and the final value."""
    from datetime import UTC, datetime

    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig  # type: ignore[import-not-found]
    from nautilus_trader.config import LoggingConfig  # type: ignore[import-not-found]  # likewise
    from nautilus_trader.model.currencies import USD
    from nautilus_trader.model.enums import AccountType, OmsType, OrderSide  # type: ignore[import-not-found]  # likewise
    from nautilus_trader.model.identifiers import Venue
    from nautilus_trader.model.objects import Money, Quantity
    from nautilus_trader.trading.strategy import Strategy  # type: ignore[import-not-found]  # likewise

    _, decided = inputs(path)
    equities, types, bars = _bars(path)
    count = len(equities)

    class Equal(Strategy):  # type: ignore[misc]  # likewise
        filled = 0
        value = CASH

        def on_start(self) -> None:
            self.last: dict[Any, float] = {}
            self.seen = 0
            for kind in types:
                self.subscribe_bars(kind)

        def worth(self) -> tuple[float, dict[Any, float]]:
            account = self.portfolio.account(Venue("XNYS"))
            held = {each.id: float(self.portfolio.net_position(each.id)) for each in equities}
            cash = account.balance_total(USD).as_double()
            # In a margin account of this engine the balance moves by profit and commissions alone.
            open_profit = sum(self.portfolio.unrealized_pnl(each.id).as_double() for each in equities if held[each.id])
            return cash + open_profit, held

        def on_bar(self, bar: Any) -> None:
            self.last[bar.bar_type.instrument_id] = float(bar.close)
            self.seen += 1
            if self.seen % count or datetime.fromtimestamp(bar.ts_event / 1e9, UTC).date() not in decided:
                return
            value, held = self.worth()
            for each in equities:
                change = int(0.995 * value / count / self.last[each.id]) - int(held[each.id])
                if change:
                    side = OrderSide.BUY if change > 0 else OrderSide.SELL
                    self.submit_order(self.order_factory.market(each.id, side, Quantity.from_int(abs(change))))

        def on_order_filled(self, event: Any) -> None:  # noqa: ARG002  # the peer's own signature
            Equal.filled += 1

        def on_stop(self) -> None:
            Equal.value = self.worth()[0]

    start = clock()
    engine = BacktestEngine(config=BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        venue=Venue("XNYS"), oms_type=OmsType.NETTING, account_type=AccountType.MARGIN, base_currency=USD,
        starting_balances=[Money(CASH, USD)],
    )  # fmt: skip
    for each in equities:
        engine.add_instrument(each)
    engine.add_data(bars)
    engine.add_strategy(Equal())
    engine.run()
    seconds = clock() - start
    engine.dispose()
    return {"seconds": seconds, "orders": Equal.filled, "final": Equal.value}


CALLS: dict[str, Callable[..., dict[str, float]]] = {"backtrader": backtrader, "bt": bt, "nautilus": nautilus}


def main() -> None:
    """Answer until the pipe is closed."""
    for line in sys.stdin:
        asked = json.loads(line)
        runs = [CALLS[asked["call"]](**asked["with"]) for _ in range(asked["repeats"])]
        seconds = sum(each.pop("seconds") for each in runs) / len(runs)
        sys.stdout.write(json.dumps({"seconds": seconds, "value": runs[-1]}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
