"""Financial Datasets against answers in the shape that its OpenAPI description gives, honest and otherwise."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from bursar.adapters.vendors import PriceKind
from bursar.adapters.vendors.edgar import known_from
from bursar.adapters.vendors.financial_datasets import FinancialDatasets
from bursar.errors import DataError
from tests.adapters.vendors import web

PRICES = {
    "prices": [
        {"open": 184.22, "close": 184.25, "high": 185.88, "low": 183.43, "volume": 58414460,
         "time": "2024-01-03T00:00:00Z", "time_milliseconds": 1704240000000},
        {"open": 182.15, "close": 181.91, "high": 183.09, "low": 180.88, "volume": 71983570,
         "time": "2024-01-04T00:00:00Z", "time_milliseconds": 1704326400000},
    ]
}  # fmt: skip
PERIOD = {"ticker": "AAPL", "report_period": "2023-09-30", "fiscal_period": "2023-FY", "period": "annual",
          "currency": "USD"}  # fmt: skip
FINANCIALS: dict[str, Any] = {
    "financials": {
        "income_statements": [{**PERIOD, "revenue": 383285000000.0, "net_income": 96995000000.0,
                               "interest_expense": None}],
        "balance_sheets": [{**PERIOD, "total_assets": 352583000000.0, "outstanding_shares": 15552752000.0}],
        "cash_flow_statements": [{**PERIOD, "capital_expenditure": -10959000000.0, "filing_date": "2023-11-03",
                                  "dividends_and_other_cash_distributions": -15025000000.0}],
    }
}  # fmt: skip
NEWS = {
    "news": [
        {"ticker": "AAPL", "title": "Apple rises", "author": "a person", "source": "A Wire",
         "date": "2024-01-03T15:04:05Z", "url": "https://example.com", "sentiment": "positive"},
        {"ticker": "AAPL", "title": "Apple\n\x07 falls", "source": None, "date": "2024-01-04"},
    ]
}  # fmt: skip


def vendor(told: Any, seen: list[httpx.Request] | None = None) -> FinancialDatasets:
    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return httpx.Response(200, json=told)

    return FinancialDatasets(web(answer, headers={"X-API-KEY": "a key"}))


def test_prices_are_daily_bars_and_no_total_returns() -> None:
    seen: list[httpx.Request] = []
    delivered = vendor(PRICES, seen).prices(["AAPL"], date(2024, 1, 3), date(2024, 1, 4))
    assert delivered.prices is PriceKind.PRICE
    assert delivered.actions is None
    assert delivered.rows["AAPL"][1] == (
        date(2024, 1, 4),
        {"open": 182.15, "high": 183.09, "low": 180.88, "close": 181.91, "volume": 71983570.0},
    )
    assert seen[0].headers["X-API-KEY"] == "a key"
    assert dict(seen[0].url.params)["start_date"] == "2024-01-03"


def test_long_spans_are_asked_for_in_pieces_that_do_not_overlap() -> None:
    seen: list[httpx.Request] = []
    vendor({"prices": []}, seen).prices(["AAPL"], date(2000, 1, 31), date(2022, 12, 31))
    spans = [(request.url.params["start_date"], request.url.params["end_date"]) for request in seen]
    assert spans == [("2000-01-31", "2010-01-28"), ("2010-01-29", "2020-01-28"), ("2020-01-29", "2022-12-31")]


def test_statements_are_known_from_their_filing_or_late_and_what_was_paid_is_positive() -> None:
    facts = {fact.name: fact for fact in vendor(FINANCIALS).statements(["AAPL"])}
    assert set(facts) == {"revenue", "net_income", "assets", "shares", "capital_expenditure", "dividends"}
    # The SEC wants an annual report within 90 days: 2023-09-30 and 90 days are 2023-12-29.
    assert facts["revenue"].known_at == known_from(date(2023, 12, 29))
    assert facts["capital_expenditure"].known_at == known_from(date(2023, 11, 3))
    assert facts["capital_expenditure"].value == 10959000000.0
    assert (facts["revenue"].unit, facts["shares"].unit) == ("USD", "shares")
    assert facts["revenue"].at == date(2023, 9, 30)
    assert "filing day not given" in facts["revenue"].source


def test_headlines_are_cleaned_and_a_day_without_a_time_is_known_when_it_is_over() -> None:
    first, second = vendor(NEWS).headlines(["AAPL"], date(2024, 1, 1), date(2024, 1, 5))
    assert (first.text, first.known_at) == ("Apple rises", datetime(2024, 1, 3, 15, 4, 5, tzinfo=UTC))
    assert (second.text, second.known_at) == ("Apple falls", datetime(2024, 1, 5, tzinfo=UTC))
    assert second.source == "unnamed, by Financial Datasets"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ([], "no list of prices"),
        ({"prices": "none"}, "no list of prices"),
        ({"prices": [3]}, "no list of prices"),
        ({"prices": [{"ticker": "MSFT", "time": "2024-01-03"}]}, "was asked for AAPL and answered with MSFT"),
        ({"prices": [{"time": "yesterday"}]}, "'yesterday', which is no day"),
        ({"prices": [{"time": "2024-01-03", "close": "184"}]}, "gives close of AAPL as '184'"),
        ({"prices": [{"time": "2024-01-03", "close": True}]}, "gives close of AAPL as True"),
    ],
)
def test_an_answer_of_another_shape_is_refused(told: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        vendor(told).prices(["AAPL"], date(2024, 1, 3), date(2024, 1, 4))


def test_statements_and_news_of_another_shape_are_refused() -> None:
    with pytest.raises(DataError, match="no list of income_statements"):
        vendor([]).statements(["AAPL"])
    with pytest.raises(DataError, match="'soon', which is no time"):
        vendor({"news": [{"title": "x", "date": "soon"}]}).headlines(["AAPL"], date(2024, 1, 3), date(2024, 1, 4))


def test_a_time_without_a_zone_is_utc() -> None:
    told = {"news": [{"title": "x", "date": "2024-01-03T10:00:00"}]}
    (headline,) = vendor(told).headlines(["AAPL"], date(2024, 1, 3), date(2024, 1, 4))
    assert headline.known_at == datetime(2024, 1, 3, 10, tzinfo=UTC)
