"""The tables: what is written is read back, in every version, and nothing else is accepted."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.errors import InputError, ProtocolError
from bursar.gateway.messages import ABSENT, REPLIES, REQUESTS, VERSIONS, PlaceOrder, read_reply, read_request, write
from bursar.gateway.messages import replies as r
from bursar.gateway.messages.declare import Declaration
from bursar.gateway.messages.kinds import UNSET_NUMBER
from bursar.gateway.messages.layouts import kind_in, kind_of
from bursar.gateway.messages.values import (
    Contract,
    Execution,
    Order,
)
from tests.gateway.strategies import texts_of, values

DECLARED = [*REQUESTS.values(), *REPLIES.values()]
by_name = pytest.mark.parametrize("declaration", DECLARED, ids=lambda declaration: declaration.kind.__name__)
in_version = pytest.mark.parametrize("version", VERSIONS)


def read(declaration: Declaration, texts: list[str], version: int) -> Any:
    return (read_request if declaration in REQUESTS.values() else read_reply)(texts, version)


# ---------------------------------------------------------------- there and back


@by_name
@in_version
@settings(max_examples=25)
@given(data=st.data())
def test_what_is_written_is_read_back(declaration: Declaration, version: int, data: st.DataObject) -> None:
    texts = texts_of(data.draw(values(declaration.kind)), version)
    message = read(declaration, texts, version)
    assert texts_of(message, version) == texts
    assert read(declaration, texts_of(message, version), version) == message


def test_a_message_without_conditions_comes_back_whole() -> None:
    @given(st.one_of([values(kind) for kind in (r.OrderStatus, r.PortfolioValue, r.Position, r.CommissionReport)]))
    def check(message: Any) -> None:
        if isinstance(message, r.PortfolioValue | r.Position):
            # Combinations and exchanges of a contract are not part of these layouts.
            message = replace(message, contract=Contract(con_id=7, symbol="A", sec_type="STK", currency="USD"))
        assert read_reply(texts_of(message, 178), 178) == message

    check()


@by_name
@in_version
@settings(max_examples=15)
@given(data=st.data())
def test_a_message_with_a_field_less_or_more_is_refused(
    declaration: Declaration, version: int, data: st.DataObject
) -> None:
    texts = texts_of(data.draw(values(declaration.kind)), version)
    with pytest.raises(ProtocolError, match="too many"):
        read(declaration, [*texts, "1"], version)
    if len(texts) > 1:
        with pytest.raises(ProtocolError):
            read(declaration, texts[:-1], version)


@in_version
@given(data=st.data(), junk=st.lists(st.text(max_size=6), max_size=30))
def test_junk_raises_protocol_errors_and_nothing_else(version: int, data: st.DataObject, junk: list[str]) -> None:
    number = data.draw(st.sampled_from(sorted(REQUESTS)))
    with suppress(ProtocolError):
        read_request([str(number), *junk], version)


SPOILED = ["", "x", "1e999", "nan", "-1", "²", "9" * 50, "1_0", "Infinite", "\ud7ff", "1.7976E"]


@pytest.mark.no_cover
@in_version
@given(data=st.data())
def test_a_spoiled_order_raises_protocol_errors_and_nothing_else(version: int, data: st.DataObject) -> None:
    texts = texts_of(data.draw(values(PlaceOrder)), version)
    spot = data.draw(st.integers(1, len(texts) - 1))
    texts[spot] = data.draw(
        st.sampled_from(["", "x", "1e999", "nan", "-1", "²", "9" * 50, "1_0", "Infinite", "\ud7ff"])
    )
    with suppress(ProtocolError):
        read_request(texts, version)


@pytest.mark.parametrize("texts", [[], [""], ["x"], ["-1"], ["1.5"], ["²"], ["1" * 10]])
def test_a_message_without_a_number_is_refused(texts: list[str]) -> None:
    with pytest.raises(ProtocolError, match="number of a message"):
        read_request(texts, 178)


def test_only_declared_messages_are_read() -> None:
    with pytest.raises(InputError, match="999 is not declared"):
        read_request(["999"], 178)


def test_no_request_is_both_imitated_and_absent() -> None:
    assert not ABSENT.keys() & REQUESTS.keys()


def test_an_attribute_without_a_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="says nothing about the wire"):
        kind_in(int, "a message")
    assert kind_of(PlaceOrder, "order.lmt_price").name == "maybe number"


def test_text_that_would_end_its_field_is_not_written() -> None:
    with pytest.raises(ValueError, match="NUL"):
        write(r.ErrMsg(req_id=1, code=1, text="a\0b"), 178)


# ---------------------------------------------------------------- how values look


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("", None),
        (UNSET_NUMBER, None),
        ("1.7976931348623157e+308", None),
        ("0.0", Decimal(0)),
        ("12.50", Decimal("12.5")),
        ("Infinite", Decimal("Infinity")),
    ],
)
def test_unset_has_many_spellings(text: str, price: Decimal | None) -> None:
    assert kind_of(Order, "lmt_price").reader(178)(text) == price


def test_an_unset_whole_number_is_nothing() -> None:
    read_whole = kind_of(Order, "min_qty").reader(178)
    assert [read_whole(text) for text in ("", "2147483647", "7")] == [None, None, 7]


def test_old_clients_get_whole_sizes() -> None:
    tick = r.TickPrice(req_id=1, tick_type=1, price=Decimal("10.25"), size=Decimal("100.7"))
    assert texts_of(tick, 157)[5] == "100"
    assert texts_of(tick, 176)[5] == "100.7"


def test_new_clients_are_told_the_zone_of_a_moment() -> None:
    write_moment = kind_of(Execution, "time").writer
    at = datetime(2022, 1, 3, 14, 30, 5, tzinfo=UTC)
    assert write_moment(157)(at) == "20220103  09:30:05"
    assert write_moment(176)(at) == "20220103 09:30:05 US/Eastern"


def test_numbers_are_never_written_with_an_exponent() -> None:
    assert kind_of(Order, "total_quantity").writer(178)(Decimal("1E+3")) == "1000"


def test_a_bar_begins_on_a_day_or_at_a_moment_or_at_a_second() -> None:
    write_time = kind_of(r.HistoricalBar, "time").writer(178)
    at = datetime(2022, 7, 5, 13, 30, tzinfo=UTC)
    assert write_time(date(2022, 7, 5)) == "20220705"
    assert write_time(at) == "20220705 09:30:00 US/Eastern"
    assert write_time(int(at.timestamp())) == "1657027800"
