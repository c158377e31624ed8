"""Write docs/synthetic.md and its pictures from the wheels' real prices: python -m scripts.synthetic_page."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks._plots import growth_plot
from bursar.adapters.calendars import ExchangeCalendar
from bursar.adapters.history import MemoryHistory
from bursar.adapters.vendors import bokeh, wheels
from bursar.quant.synthetic import Market, Recipe, make
from bursar.quant.synthetic.stylized import Spread, autocorrelation, gap_share, measure

ROOT = Path(__file__).resolve().parent.parent
PAGE, PICTURES = ROOT / "docs" / "synthetic.md", ROOT / "docs" / "synthetic"
#: As many companies as give each sector four, and some seeds, since one market is one draw.
SYMBOLS, SEEDS = 44, (1, 2, 3, 4, 5)
LAGS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144)
DEVIATIONS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


def real_returns() -> tuple[np.ndarray, np.ndarray]:
    """Sessions and daily log returns of the sample's twenty stocks."""
    calendar = ExchangeCalendar("XNYS", wheels.FIRST, wheels.LAST)
    panel = wheels.load(wheels.STOCKS_FILE, wheels.STOCKS, calendar).panel
    return panel.dates, np.diff(np.log(panel.values), axis=0)


def real_gaps() -> np.ndarray:
    """Share of the variance overnight, of the four stocks of the bokeh sample that it has for years."""
    calendar = ExchangeCalendar("XNYS", bokeh.SOURCE.first, bokeh.SOURCE.last)
    facts, actions = bokeh.load(calendar)
    history = MemoryHistory(facts, actions=actions)
    symbols, far = ["AAPL", "GOOG", "IBM", "MSFT"], calendar.sessions(bokeh.SOURCE.first, bokeh.SOURCE.last)[-1].close
    return gap_share(*(history.asof(symbols, field, far).values for field in ("open", "close")))


def made_up(days: np.ndarray) -> list[Market]:
    """Markets of several seeds on the same days."""
    return [make(Recipe(days=days, symbols=SYMBOLS, seed=seed)) for seed in SEEDS]


def own_gaps(market: Market) -> np.ndarray:
    """Share of the variance overnight, of each company."""
    gaps, ways = market.returns.gap, market.returns.total - market.returns.gap
    return np.asarray(gaps.var(axis=0) / (gaps.var(axis=0) + ways.var(axis=0)))


def report_moves(market: Market) -> np.ndarray:
    """Sizes of the moves overnight after reports."""
    quarter, symbol = np.nonzero((market.reports.at >= 0) & (market.reports.at + 1 < len(market.recipe.days)))
    return np.asarray(np.abs(market.returns.gap[market.reports.at[quarter, symbol] + 1, symbol]))


def compared() -> tuple[list[tuple[str, Spread, Spread]], np.ndarray, list[Market]]:
    """Each fact, of the real stocks and of the made-up ones; the real returns, and the markets."""
    days, returns = real_returns()
    markets = made_up(days)
    real = measure(returns)
    ours = [measure(market.returns.total[1:]) for market in markets]
    rows = [(name, spread, _middle([each[name] for each in ours])) for name, spread in real.items()]
    gaps = _middle([Spread.of(own_gaps(market)) for market in markets])
    rows.append(("share of the variance overnight", Spread.of(real_gaps()), gaps))
    return rows, returns, markets


def _middle(spreads: list[Spread]) -> Spread:
    """The middle market of several."""
    return Spread(
        median=float(np.median([each.median for each in spreads])),
        low=float(np.median([each.low for each in spreads])),
        high=float(np.median([each.high for each in spreads])),
    )


def pictures(returns: np.ndarray, markets: list[Market]) -> Mapping[str, str]:
    """How long large days call for large days, and how often there are such days."""

    def memory(values: np.ndarray) -> list[tuple[float, float]]:
        return [(float(lag), max(float(np.median(autocorrelation(np.abs(values), lag))), 1e-3)) for lag in LAGS]

    def tail(values: np.ndarray) -> list[tuple[float, float]]:
        scaled = np.abs(values - values.mean(axis=0)) / values.std(axis=0)
        return [(far, max(float((scaled > far).mean()), 1e-7)) for far in DEVIATIONS]

    def normal() -> list[tuple[float, float]]:
        from math import erfc

        return [(far, erfc(far / 2**0.5)) for far in DEVIATIONS if far <= 5.0]

    ours = [market.returns.total[1:] for market in markets]
    whole = np.hstack(ours)
    return {
        "memory": growth_plot(
            "Autocorrelation of absolute returns", "days apart", "", {"20 real stocks": memory(returns),
            "synthetic": memory(whole)},
        ),
        "tails": growth_plot(
            "Days beyond so many deviations", "standard deviations", "part of all days",
            {"20 real stocks": tail(returns), "synthetic": tail(whole), "normal": normal()},
        ),
    }  # fmt: skip


def page(rows: list[tuple[str, Spread, Spread]], markets: list[Market], seconds: float) -> str:
    """The page."""
    moves = np.concatenate([report_moves(market) for market in markets])
    usual = np.concatenate([np.abs(market.returns.gap).ravel() for market in markets])
    inside = sum(real.holds(ours.median) for _, real, ours in rows)
    table = "\n".join(
        f"| {name} | {_said(real)} | {_said(ours)} | {'yes' if real.holds(ours.median) else '**no**'} |"
        for name, real, ours in rows
    )
    return TEXT.format(
        table=table, inside=inside, facts=len(rows), symbols=SYMBOLS, seeds=len(SEEDS), seconds=f"{seconds:.0f}",
        move=f"{moves.mean():.1%}", usual=f"{usual.mean():.1%}",
    )  # fmt: skip


def _said(spread: Spread) -> str:
    return f"{spread.median:.3g} ({spread.low:.3g} to {spread.high:.3g})"


TEXT = """# The synthetic market

Made by `python -m scripts.synthetic_page` from the real prices in the wheels; change it there.

Nothing in this market ever happened, and its companies do not exist. It is there because no free source has volume,
implied volatility, earnings dates, statements and headlines of the same companies over the same days; because tests of
skill and of learning need a market whose truth is known; and because it can be shown to anyone. Its symbols are SYN001
and so on, its names say "Synthetic", and so does every page that it appears on. A result on it says that a machine
works, never that a strategy earns.

```sh
bursar demo --world synthetic
```

## What is in it

| | |
|---|---|
| prices | open, high, low, close and volume as traded; splits and dividends, declared before they happen |
| regimes | calm, nervous and crisis, a Markov chain, in the volatility and the drift of everything |
| sectors | eleven, beside a market and a way of its own for each company |
| reports | four a year, announced weeks before; what surprises in one moves the price overnight |
| statements | income, balance and cash flow that add up, by day of filing; one year in thirty is restated |
| headlines | of reports, large moves and splits, and talk that means nothing |
| implied volatility | of 30 days, above what follows, higher before a report and lower after it |
| a planted signal | a feature with a known correlation to the coming return, where a test asks for one |

One seed is one market, to the bit on one machine. A longer market begins with the shorter one, so that nothing in it
can come from its own future: a test corrupts the future by making another one, and compares.

## How near it comes

Daily log returns of the twenty real stocks of the sample, 1990 to 2022, beside {symbols} synthetic companies on the
same sessions; the middle of {seeds} seeds. Each is the median stock, with the tenth and the ninetieth percent in
brackets. "near" says whether the synthetic median lies among the middle eight of ten real stocks: {inside} of {facts}
do. What comes overnight is measured on the four stocks of the bokeh sample, 2000 to 2013; it is made for 0.41, the
median of fifteen large stocks from 2010 to 2024, whose prices no wheel carries.

| fact | real | synthetic | near |
|---|---|---|---|
{table}

A report moves a synthetic price by {move} overnight on average, where a usual night moves it by {usual}. The wheels
have no earnings dates to hold that against.

![How long large days call for large days](synthetic/memory.svg)

![How often there are days beyond so many deviations](synthetic/tails.svg)

500 companies over 33 years took {seconds} seconds on the machine that wrote this page.

## What it is not

No company is listed late or goes bankrupt. There are no option chains, only an implied volatility. High and low are
drawn apart from each other, so a day's range is a few percent too wide. Inside a day the demo's exchange walks its own
way from the open to the close, through the high and the low; when it touched them is made up. The twenty real
stocks were chosen among those that lived, and earned more than a synthetic market does on average; what it earns over
thirty years depends on the seed by several percent a year, as it would.
"""


def main() -> None:
    """Measure, draw and write."""
    rows, returns, markets = compared()
    began = time.perf_counter()
    make(Recipe(days=markets[0].recipe.days, symbols=500))
    seconds = time.perf_counter() - began
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, drawn in pictures(returns, markets).items():
        (PICTURES / f"{name}.svg").write_text(drawn, encoding="utf-8")
    PAGE.write_text(page(rows, markets, seconds), encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
