"""Figures as people read them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from bursar.desk import wording


@pytest.mark.parametrize(
    ("amount", "currency", "signed", "text"),
    [
        ("1234.5", "USD", False, "$1,234.50"),
        ("-1234.5", "USD", False, "−$1,234.50"),
        ("12", "USD", True, "+$12.00"),
        ("0", "USD", True, "$0.00"),
        ("1234.5", "AUD", False, "AUD\u00a01,234.50"),
        ("1234", "JPY", False, "¥1,234"),
    ],
)
def test_money_has_its_sign_before_its_unit(amount: str, currency: str, signed: bool, text: str) -> None:
    assert wording.money(Decimal(amount), currency, signed=signed) == text


@pytest.mark.parametrize(
    ("amount", "text"), [("10", "$10.00"), ("10.1", "$10.10"), ("10.123", "$10.123"), ("10.12345", "$10.1234")]
)
def test_a_price_shows_two_to_four_decimals(amount: str, text: str) -> None:
    assert wording.price(Decimal(amount)) == text


def test_what_is_not_known_is_a_dash() -> None:
    assert wording.money(None) == wording.price(None) == wording.percent(None) == wording.ratio(None) == "—"
    assert wording.points(None) == "—"


def test_a_fraction_becomes_percent_and_percent_stays_percent() -> None:
    assert wording.percent(0.1234, 2) == "12.34\u00a0%"
    assert wording.percent(Decimal("-0.05"), signed=True) == "−5.0\u00a0%"
    assert wording.points(1.5, signed=True) == "+1.50\u00a0%"
    assert wording.ratio(-0.8321) == "−0.83"


@pytest.mark.parametrize(
    ("shares", "text"), [("1500", "1,500"), ("100.00", "100"), ("0.2500", "0.25"), ("-3", "−3"), ("1E+3", "1,000")]
)
def test_shares_have_no_needless_decimals(shares: str, text: str) -> None:
    assert wording.quantity(Decimal(shares)) == text


def test_days_are_named_in_english() -> None:
    assert wording.day(date(2022, 1, 3)) == "Mon 3\u00a0Jan 2022"
    assert wording.span(date(2022, 1, 3), date(2022, 1, 31)) == "3\u00a0Jan to 31\u00a0Jan 2022"
    assert wording.span(date(2021, 12, 30), date(2022, 1, 3)) == "30\u00a0Dec 2021 to 3\u00a0Jan 2022"
    assert wording.span(date(2022, 1, 3), date(2022, 1, 3)) == "3\u00a0Jan 2022"


def test_counts_and_lists_read_as_sentences() -> None:
    assert [wording.count(n, "fill") for n in (0, 1, 2)] == ["no fills", "1 fill", "2 fills"]
    assert wording.count(2, "entry", "entries") == "2 entries"
    assert (wording.spelled(3), wording.spelled(20)) == ("three", "20")
    assert [wording.several(names) for names in ((), ("A",), ("A", "B"), ("A", "B", "C"))] == [
        "",
        "A",
        "A and B",
        "A, B and C",
    ]
