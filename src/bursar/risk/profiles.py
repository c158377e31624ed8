"""Profiles: sets of limits that ship, to be named in ``risk.profiles``. Several bind together, the strictest of each.

    fund        a hedge fund in one account: positions of a fifth, sectors of three tenths, ten trades a day
    service     a service for many accounts: caps on an order, on trades a day, on symbols and sectors. Whoever asked
                for it gave the kinds of limits and no figures; these are ours, at half of ``strategies``
    strategies  generated strategies: money caps, nine symbols, a tenth of equity a position, risk of a twentieth
    learner     a trained agent: a tenth a position, no leverage, two percent a day

What a profile leaves open stands at its default in ``RiskLimits``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

from bursar.errors import InputError
from bursar.risk.limits import RiskLimits, strictest

PROFILES: Mapping[str, RiskLimits] = MappingProxyType(
    {
        "fund": RiskLimits(
            position_weight_max=Decimal("0.20"),
            sector_weight_max=Decimal("0.30"),
            opening_orders_per_day_max=10,
            volatility_warning=Decimal("0.15"),
        ),
        "service": RiskLimits(
            order_value_max=Decimal(25_000),
            opening_orders_per_day_max=50,
            allowed_symbols=("AAPL", "AMZN", "AVGO", "GOOGL", "META", "MSFT", "NVDA", "QQQ", "SPY"),
            forbidden_sectors=("tobacco",),
        ),
        "strategies": RiskLimits(
            order_value_max=Decimal(50_000),
            opening_orders_per_day_max=100,
            position_value_max=Decimal(10_000),
            position_weight_max=Decimal("0.10"),
            sector_weight_max=Decimal("0.30"),
            allowed_symbols=("AAPL", "AMZN", "AVGO", "GOOGL", "META", "MSFT", "NVDA", "QQQ", "SPY"),
            portfolio_risk_max=Decimal("0.05"),
            daily_loss_max=Decimal("0.03"),
            var_95_max=Decimal("0.05"),
            correlation_max=Decimal("0.5"),
        ),
        "learner": RiskLimits(
            position_weight_max=Decimal("0.10"),
            leverage_max=Decimal(1),
            daily_loss_max=Decimal("0.02"),
            drawdown_max=Decimal("0.05"),
        ),
    }
)


def profile(name: str) -> RiskLimits:
    """One profile by its name. Raises InputError for one that does not ship."""
    if name not in PROFILES:
        raise InputError(f"there is no profile {name!r}; choose from {', '.join(PROFILES)}")
    return PROFILES[name]


def under(limits: RiskLimits, names: Sequence[str]) -> RiskLimits:
    """``limits`` and the named profiles together, the strictest of each."""
    return strictest([limits, *(profile(name) for name in names)])
