"""The words for company statements: under which names facts are kept, whoever reports them.

A flow is a sum over one whole fiscal year, which ends at the fact's ``at``: quarters and part years are
not kept under these names. A level is true on the day ``at``. Amounts are in the currency of the fact's
unit, positive as the statement prints them: capital expenditure and dividends are what was paid out.
"""

from __future__ import annotations

FLOWS = (
    "revenue",
    "cost_of_revenue",
    "operating_income",
    "net_income",
    "interest_expense",
    "income_tax",
    "operating_cash_flow",
    "capital_expenditure",
    "depreciation",
    "dividends",
)
LEVELS = (
    "assets",
    "liabilities",
    "current_assets",
    "current_liabilities",
    "equity",
    "cash",
    "long_term_debt",
    "current_debt",
    "short_term_debt",
    "shares",
)
NAMES = (*FLOWS, *LEVELS)
