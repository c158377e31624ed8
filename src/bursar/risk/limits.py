"""Limits: how much of each risk an account may take. Fractions are of equity unless a name says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bursar.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """The limits of one account.

    position_weight_max         largest position, long or short
    sector_weight_max           largest sector: this is what "concentration" means here
    opening_orders_per_day_max  accepted opening parent orders in one session of the exchange
    volatility_warning          annualized volatility of the portfolio above which the gate warns
    cash_reserve                part of equity that purchases leave untouched, against slippage
    """

    position_weight_max: Decimal = Decimal("0.20")
    sector_weight_max: Decimal = Decimal("0.30")
    opening_orders_per_day_max: int = 10
    volatility_warning: Decimal = Decimal("0.15")
    cash_reserve: Decimal = Decimal("0.005")

    def __post_init__(self) -> None:
        for name in ("position_weight_max", "sector_weight_max"):
            weight: Decimal = getattr(self, name)
            if not 0 < weight <= 1:
                raise InputError(f"{name} is {weight:%}; give more than 0 % and at most 100 %")
        if self.opening_orders_per_day_max < 1:
            raise InputError(f"opening_orders_per_day_max is {self.opening_orders_per_day_max}; give at least 1")
        if self.volatility_warning <= 0:
            raise InputError(f"volatility_warning is {self.volatility_warning:%}; give more than 0 %")
        if not 0 <= self.cash_reserve < 1:
            raise InputError(f"cash_reserve is {self.cash_reserve:%}; give 0 % to less than 100 %")
