"""The rules before a trade: one function each, measured value against limit.

    case       what a rule is given: the account, the basket, and what it would do
    conduct    state, permissions, counts, repetitions
    market     hours, quotes, prices, earnings, nights
    size       orders, positions, sectors, leverage
    funds      cash, currencies, margin
    portfolio  losses so far, and what the whole may lose

Orders that only reduce risk (exits, protection, kill) are counted and never blocked, except that nothing closes more
than is held, and nothing touches what is hands-off.
"""

from bursar.risk.rules import conduct, funds, market, portfolio, size
from bursar.risk.rules.case import EXEMPT, Case, Exposure, Finding, Rule, Sent

__all__ = ["EXEMPT", "RULES", "RULES_FOR_EXEMPT", "Case", "Exposure", "Finding", "Rule", "Sent"]

#: Every rule, in the order in which a rejection names them: what is cheap and what explains most come first.
RULES: tuple[Rule, ...] = (
    conduct.trading_state,
    conduct.hands_off,
    conduct.permission,
    conduct.closes_only_what_is_held,
    conduct.allowed_symbol,
    conduct.allowed_sector,
    market.market_open,
    market.minutes_from_the_bell,
    market.quote_fresh,
    market.price_collar,
    market.earnings,
    conduct.duplicate,
    conduct.repeated,
    conduct.opening_orders,
    conduct.message_rate,
    funds.funding,
    size.order_value,
    size.fat_finger,
    size.daily_notional,
    size.position_weight,
    size.position_value,
    size.sector_weight,
    size.leverage,
    funds.settled_cash,
    funds.margin_cushion,
    funds.margin_warning,
    funds.buying_power,
    portfolio.daily_loss,
    portfolio.drawdown,
    portfolio.portfolio_risk,
    portfolio.volatility,
    portfolio.volatility_block,
    portfolio.value_at_risk,
    portfolio.correlation,
    portfolio.overnight_gap,
    portfolio.holiday,
)

#: What binds even orders that take risk away: breaking it would open a position, or sell what is not ours to sell.
RULES_FOR_EXEMPT: tuple[Rule, ...] = (conduct.hands_off, conduct.closes_only_what_is_held)
