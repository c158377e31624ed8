"""What ``bursar risk`` says of one portfolio: how much it could lose, which position carries that, and what if.

Three answers that rest on different things, and the page says on which:

    limits     the account's own, against the books at their last marks
    measures   the weights of now through the closes of the past year (``believed.py``); betas are on the equal weight
               of what is held, since no index comes with the prices
    scenarios  ten shocks to markets, sectors and the rest (``risk/stress.py``); each share answers with its beta, or
               one where it has none, and with its sector. Styles, rates, oil and the dollar are not known of it: zero
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from bursar.desk import views, wording
from bursar.desk.believed import model_of
from bursar.desk.books import Page
from bursar.desk.tables import listing, signed_money, signed_percent
from bursar.errors import DataError
from bursar.quant.arrays import FloatArray
from bursar.risk import exposure, stress

#: How the six measures are called, in the order in which they are told.
NAMED: Mapping[exposure.Measure, str] = {
    "volatility": "volatility of a year",
    "var_95": "loss of one day in twenty",
    "var_99": "loss of one day in a hundred",
    "es_95": "mean loss of those one in twenty",
    "max_drawdown": "deepest fall of the year",
    "beta_adjusted_exposure": "exposure times beta",
}
#: Likewise what a limit can be set on.
LIMITED = {
    "position_weight": "largest position",
    "sector_weight": "largest sector",
    "gross": "longs and shorts together",
    "volatility": "volatility of a year",
    "var_95": "loss of one day in twenty",
}
#: How many are named of those who carry a measure.
CARRIERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Risked:
    """The risk of one portfolio.

    symbols, weights  what is held, the largest first; shares of equity, (n_assets,)
    sectors           by name, shares of equity
    limits            by measure, of those that this page knows
    days              of returns that the measures rest on; 0 where there are none, and ``why`` says why
    betas             (n_assets,) on the equal weight of what is held; ones where nothing is known
    parts             by measure, (n_assets,) contributions that sum to it
    stressed          what the scenarios do
    """

    page: Page
    simulated: tuple[str, ...]
    symbols: tuple[str, ...]
    weights: FloatArray
    sectors: Mapping[str, float]
    sums: exposure.Exposure
    limits: Mapping[str, float]
    days: int
    why: str
    betas: FloatArray
    stressed: stress.StressResult
    parts: Mapping[exposure.Measure, FloatArray] = field(default_factory=dict)

    @property
    def equity(self) -> Decimal:
        """Net asset value, in the base currency."""
        assert self.page.worth is not None, "a page without a worth has no risk"
        return self.page.worth.net_asset_value

    @property
    def measured(self) -> dict[str, float]:
        """What the limits are set on, as far as it is known."""
        found = {
            "position_weight": float(np.abs(self.weights).max(initial=0.0)),
            "sector_weight": max((abs(weight) for weight in self.sectors.values()), default=0.0),
            "gross": self.sums.gross,
        }
        return found | {name: float(self.parts[name].sum()) for name in ("volatility", "var_95") if name in self.parts}

    def money(self, share: float) -> Decimal:
        """A share of equity as money, to the cent."""
        return (self.equity * Decimal(repr(share))).quantize(Decimal("0.01"))


def held(page: Page) -> tuple[str, ...]:
    """The symbols of a portfolio, the largest first."""
    weights = {} if page.worth is None else page.worth.weights
    return tuple(sorted(page.book.positions, key=lambda symbol: (-abs(weights.get(symbol, 0.0)), symbol)))


def risked(
    page: Page,
    *,
    returns: FloatArray | None,
    why: str = "",
    limits: Mapping[str, float],
    simulated: Sequence[str] = (),
) -> Risked:
    """The risk of a portfolio.

    returns  (n_days, n_assets) daily, in the order of ``held``; None where there are none, and ``why`` says why
    limits   by measure (``risk.watch.limits_of``)

    Raises DataError where the portfolio has no worth: a currency without a rate, or nothing left.
    """
    if page.worth is None:
        raise DataError(page.problem)
    if page.worth.net_asset_value <= 0:
        raise DataError(
            f"{page.name} of {page.book.account} is worth {page.worth.net_asset_value:,.2f} {page.base}: shares of it "
            "say nothing; see bursar books show"
        )
    symbols = held(page)
    weights = np.array([page.worth.weights.get(symbol, 0.0) for symbol in symbols])
    betas, parts = np.ones(len(symbols)), dict[exposure.Measure, FloatArray]()
    if returns is not None:
        betas = model_of(returns).betas
        market = returns.mean(axis=1)
        parts = {name: exposure.contributions(name, weights, returns, market) for name in NAMED}
    sectors = [page.book.positions[symbol].sector for symbol in symbols]
    by_sector: dict[str, float] = {}
    for sector, weight in zip(sectors, weights.tolist(), strict=True):
        by_sector[sector or "unknown"] = by_sector.get(sector or "unknown", 0.0) + weight
    table = stress.responses(market=betas, sectors=[stress.sector_of(sector) for sector in sectors])
    return Risked(
        page=page,
        simulated=tuple(simulated),
        symbols=symbols,
        weights=weights,
        sectors=dict(sorted(by_sector.items(), key=lambda pair: (-abs(pair[1]), pair[0]))),
        sums=exposure.exposure(weights, betas),
        limits={name: limit for name, limit in limits.items() if name in LIMITED},
        days=0 if returns is None else len(returns),
        why=why,
        betas=betas,
        stressed=stress.stress(weights, table),
        parts=parts,
    )


# ---------------------------------------------------------------- JSON


def as_plain(found: Risked) -> dict[str, Any]:
    """The page as JSON has it: money as text, shares of equity as numbers."""
    measured = found.measured
    return {
        "account": found.page.book.account,
        "portfolio": found.page.book.portfolio,
        "base_currency": found.page.base,
        "net_asset_value": format(found.equity, "f"),
        "simulated": list(found.simulated),
        "exposure": {
            "long": found.sums.long,
            "short": found.sums.short,
            "gross": found.sums.gross,
            "net": found.sums.net,
            "beta_adjusted": found.sums.beta_adjusted if found.parts else None,
            "sectors": dict(found.sectors),
        },
        "limits": {
            name: {"now": measured.get(name), "limit": limit, "used": _used(measured.get(name), limit)}
            for name, limit in found.limits.items()
        },
        "days": found.days,
        "why_not": found.why or None,
        "measures": {
            name: {"value": views.number(float(parts.sum())), "by_symbol": _by(found, parts)}
            for name, parts in found.parts.items()
        },
        "betas": _by(found, found.betas) if found.parts else None,
        "scenarios": [
            {
                "scenario": name,
                "profit": views.number(float(found.stressed.profit[place])),
                "amount": format(found.money(float(found.stressed.profit[place])), "f"),
                "by_symbol": _by(found, found.stressed.by_asset[place]),
            }
            for place, name in enumerate(found.stressed.names)
        ],
    }


def _by(found: Risked, values: FloatArray) -> dict[str, float | None]:
    return dict(zip(found.symbols, views.numbers(values), strict=True))


def _used(now: float | None, limit: float) -> float | None:
    return None if now is None else now / limit


# ---------------------------------------------------------------- tables


def as_page(found: Risked) -> RenderableType:
    """The page as a terminal shows it."""
    title = Text(f"{found.page.name} of {found.page.book.account}", style="bold")
    title.append(f"   {wording.money(found.equity, found.page.base)}", style="not bold")
    parts: list[RenderableType] = [title, "", _limits(found), ""]
    if found.symbols:
        parts += [_measures(found), "", _positions(found)] if found.parts else [_absent(found)]
        parts += ["", _scenarios(found), ""]
    parts.append(Padding(Text("\n".join(_remarks(found)), style="dim"), (0, 2)))
    return Group(*parts)


def _limits(found: Risked) -> RenderableType:
    shown = listing(
        "How much of each limit is used", "limit", "now", "at most", "used", right=("now", "at most", "used")
    )
    measured = found.measured
    for name, limit in found.limits.items():
        now = measured.get(name)
        used = _used(now, limit)
        style = "" if used is None or used < 0.8 else "yellow" if used <= 1 else "bold red"
        shown.add_row(
            LIMITED[name], wording.percent(now), wording.percent(limit), Text(wording.percent(used, 0), style)
        )
    return shown


def _measures(found: Risked) -> RenderableType:
    shown = listing("What it could lose", "measure", "of equity", "amount", "carried by", right=("of equity", "amount"))
    for name, label in NAMED.items():
        parts = found.parts[name]
        whole = float(parts.sum())
        if not np.isfinite(whole):
            shown.add_row(label, wording.NOTHING, wording.NOTHING, "")
            continue
        amount = wording.money(found.money(whole), found.page.base)
        shown.add_row(label, wording.percent(whole), amount, _carriers(found, parts, whole))
    return shown


def _carriers(found: Risked, parts: FloatArray, whole: float) -> str:
    """Who carries most of a measure, with their share of it."""
    if not whole > 0:
        return ""
    first = [place for place in np.argsort(-parts, kind="stable")[:CARRIERS] if parts[place] > 0]
    return ", ".join(f"{found.symbols[place]} {wording.percent(float(parts[place]) / whole, 0)}" for place in first)


def _positions(found: Risked) -> RenderableType:
    columns = ("weight", "beta", "of volatility", "of the worst days")
    shown = listing("Which position carries it", "symbol", "sector", *columns, right=columns)
    shares = [_shares(found.parts[name]) for name in ("volatility", "es_95")]
    for place, symbol in enumerate(found.symbols):
        shown.add_row(
            symbol,
            found.page.book.positions[symbol].sector or "unknown",
            wording.percent(float(found.weights[place])),
            wording.ratio(float(found.betas[place])),
            *(wording.percent(None if each is None else float(each[place])) for each in shares),
        )
    return shown


def _shares(parts: FloatArray) -> FloatArray | None:
    whole = float(parts.sum())
    return parts / whole if whole > 0 else None


def _scenarios(found: Risked) -> RenderableType:
    shown = listing("What if", "scenario", "of equity", "amount", "hit hardest", right=("of equity", "amount"))
    for place in np.argsort(found.stressed.profit, kind="stable").tolist():
        profit = float(found.stressed.profit[place])
        by_asset = found.stressed.by_asset[place]
        worst = int(by_asset.argmin())
        hardest = ""
        if by_asset[worst] < 0:
            hardest = f"{found.symbols[worst]} {wording.percent(float(by_asset[worst]), signed=True)}"
        name = found.stressed.names[place].replace("_", " ")
        shown.add_row(name, signed_percent(profit), signed_money(found.money(profit), found.page.base), hardest)
    return shown


def _absent(found: Risked) -> RenderableType:
    return Padding(Text(f"What it could lose is not known: {found.why}", style="yellow"), (0, 1))


def _remarks(found: Risked) -> list[str]:
    lines = []
    if not found.symbols:
        lines.append("Nothing is held: there is only cash, and nothing of it at risk.")
    if found.parts:
        lines.append(
            f"Measures: today's weights through the last {found.days} days. Betas are on the equal weight of what is "
            "held."
        )
    if found.symbols:
        lines.append(
            "Scenarios: each share answers with its beta and its sector; what styles, rates, oil and the dollar do "
            "to it is not known, and left at nothing. A stress test is not a forecast."
        )
    if found.page.worth is not None and found.page.worth.doubtful:
        lines.append(f"{wording.percent(found.page.worth.doubtful)} of the positions rests on old or missing prices.")
    lines += [f"Simulated: {each}" for each in found.simulated]
    return lines
