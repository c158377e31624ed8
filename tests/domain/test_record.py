"""An event's bytes are the same wherever and whenever it is written, and read back to the same event."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain import record
from bursar.domain.events import (
    CATALOGUE,
    Abstained,
    Alerted,
    Decided,
    Filled,
    LegSent,
    Marked,
    ProposalEnded,
    ViewFormed,
)
from bursar.domain.money import Money
from bursar.domain.record import GENESIS, decode, encode, link
from bursar.errors import InputError, LedgerError
from tests.samples import AT, SAMPLES, VIEW


def test_there_is_a_sample_of_every_kind() -> None:
    assert SAMPLES.keys() == CATALOGUE.keys()


@pytest.mark.parametrize("kind", CATALOGUE)
def test_every_kind_reads_back_as_it_was_written(kind: str) -> None:
    event = SAMPLES[kind]
    read = decode(encode(event))
    assert read == event
    assert type(read) is CATALOGUE[kind]
    assert encode(read) == encode(event)


@pytest.mark.parametrize("kind", CATALOGUE)
def test_every_field_of_every_kind_is_in_its_bytes(kind: str) -> None:
    fields = {field.name for field in dataclasses.fields(CATALOGUE[kind])}
    assert json.loads(encode(SAMPLES[kind])).keys() == fields | {"kind", "version"}


def test_the_bytes_of_a_fill_are_known() -> None:
    assert encode(SAMPLES["filled"]).decode() == (
        '{"account":"DU9000001","at":"2022-01-03T14:30:00.250000Z","causes":["sample/cause"],'
        '"commission":{"amount":"1.0021","currency":"USD"},"event_id":"sample/filled","execution_id":"0001.01",'
        '"kind":"filled","order_id":"o-00000001","portfolio":"main","price":"182.01","quantity":"12.5000",'
        '"settles_on":"2022-01-05","side":"buy","strategy":"momentum","symbol":"AAPL","traded_on":"2022-01-03",'
        '"version":1}'
    )


def test_text_is_kept_in_utf8_and_not_escaped() -> None:
    event = Alerted(event_id="a", at=AT, severity="info", message="Zürich “€”\n")
    assert "Zürich “€”\\n".encode() in encode(event)
    assert decode(encode(event)) == event


def test_a_moment_is_kept_in_utc_wherever_it_was_said() -> None:
    view = dataclasses.replace(VIEW, known_at=datetime(2022, 1, 3, 9, 30, tzinfo=timezone(timedelta(hours=-5))))
    assert b'"known_at":"2022-01-03T14:30:00Z"' in encode(ViewFormed(event_id=view.view_id, at=AT, view=view))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=None))
def test_a_decimal_keeps_its_digits(number: Decimal) -> None:
    event = Marked(event_id="m", at=AT, prices={"A": number})
    read = decode(encode(event))
    assert isinstance(read, Marked)
    assert read.prices["A"] == number


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e3, max_value=1e3))
def test_an_opinion_keeps_its_float_to_the_bit(number: float) -> None:
    view = dataclasses.replace(VIEW, expected_excess_return=number)
    read: Any = decode(encode(ViewFormed(event_id=view.view_id, at=AT, view=view)))
    assert read.view.expected_excess_return.hex() == number.hex() or number == 0


@given(
    st.builds(
        Filled,
        event_id=st.text(min_size=1),
        at=st.datetimes(timezones=st.just(UTC)),
        causes=st.lists(st.text()).map(tuple),
        order_id=st.text(),
        execution_id=st.text(),
        account=st.text(),
        portfolio=st.text(),
        symbol=st.text(),
        quantity=st.decimals("0.00000001", "1e12"),
        price=st.decimals(0, "1e9"),
        commission=st.builds(Money, st.decimals(0, 1000), st.sampled_from(["USD", "EUR"])),
        settles_on=st.none() | st.dates(),
        strategy=st.text(),
        traded_on=st.none() | st.dates(),
    )
)
def test_any_fill_reads_back(fill: Filled) -> None:
    assert decode(encode(fill)) == fill


@pytest.mark.parametrize("number", [Decimal("NaN"), Decimal("Infinity"), float("inf"), float("nan")])
def test_what_is_not_finite_is_not_written(number: Decimal | float) -> None:
    with pytest.raises(InputError, match="only finite numbers can"):
        encode(Marked(event_id="m", at=AT, prices={"A": number}))  # type: ignore[dict-item]  # a float is meant to be refused


def test_a_value_that_json_has_no_word_for_is_refused() -> None:
    with pytest.raises(InputError, match="a set cannot be journalled"):
        encode(Abstained(event_id="a", at=AT, analyst="x", symbols=("A",), reason={1}))  # type: ignore[arg-type]  # meant to be refused


def _changed(kind: str, /, **fields: object) -> bytes:
    return json.dumps(json.loads(encode(SAMPLES[kind])) | fields).encode()


@pytest.mark.parametrize("data", [b"", b"nonsense", b"[]", b"7", b'{"kind":"filled"}', b'{"version":1}', b"\xff\xfe"])
def test_bytes_that_are_no_event_are_damage(data: bytes) -> None:
    with pytest.raises(LedgerError, match="not an event"):
        decode(data)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("filled", "quantity", 12.5),  # a number where a string is kept: money is never a float
        ("filled", "quantity", "NaN"),
        ("filled", "quantity", "twelve"),
        ("filled", "quantity", "-1"),
        ("filled", "side", "hold"),
        ("filled", "at", "2022-01-03T14:30:00"),
        ("filled", "settles_on", "tomorrow"),
        ("filled", "surprise", 1),
        ("filled", "commission", {"amount": "1", "currency": "ZZZ"}),
        ("order_accepted", "permanent_id", True),
        ("order_accepted", "permanent_id", "7"),
        ("marked", "official", 1),
        ("view_formed", "view", {}),
        ("marked", "prices", None),
    ],
)
def test_a_field_of_the_wrong_shape_is_damage(kind: str, field: str, value: object) -> None:
    with pytest.raises(LedgerError, match=f"a '{kind}' event does not read"):
        decode(_changed(kind, **{field: value}))


def test_a_float_of_the_wrong_shape_is_damage() -> None:
    view = json.loads(encode(SAMPLES["view_formed"]))["view"] | {"confidence": "high"}
    with pytest.raises(LedgerError, match="expected a number"):
        decode(_changed("view_formed", view=view))


def test_a_whole_number_reads_as_a_float_where_one_is_kept() -> None:
    view = json.loads(encode(SAMPLES["view_formed"]))["view"] | {"confidence": 1}
    read: Any = decode(_changed("view_formed", view=view))
    assert type(read.view.confidence) is float


@pytest.mark.parametrize("fields", [{"kind": "teleported"}, {"version": 99}])
def test_a_newer_programs_event_is_not_guessed_at(fields: dict[str, object]) -> None:
    with pytest.raises(LedgerError, match="written by a newer Bursar"):
        decode(_changed("filled", **fields))


@pytest.mark.parametrize("version", ["1", None, 0.5])
def test_a_version_is_a_whole_number(version: object) -> None:
    with pytest.raises(LedgerError, match="not an event"):
        decode(_changed("filled", version=version))


def test_an_old_version_is_brought_up_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def renamed(fields: dict[str, Any]) -> dict[str, Any]:
        return {("message" if name == "text" else name): value for name, value in fields.items()}

    def graded(fields: dict[str, Any]) -> dict[str, Any]:
        return fields | {"severity": "info"}

    monkeypatch.setattr(Alerted, "version", 3)
    monkeypatch.setitem(record.UPCASTS, ("alerted", 1), renamed)
    monkeypatch.setitem(record.UPCASTS, ("alerted", 2), graded)
    old = b'{"at":"2022-01-03T14:30:00Z","causes":[],"event_id":"a","kind":"alerted","text":"hello","version":1}'
    assert decode(old) == Alerted(
        event_id="a", at=datetime(2022, 1, 3, 14, 30, tzinfo=UTC), severity="info", message="hello"
    )


def test_an_abstention_of_one_symbol_reads_as_one_of_several() -> None:
    old = (
        b'{"analyst":"technical","at":"2022-01-03T14:30:00Z","causes":[],"event_id":"n-00000001","kind":"abstained",'
        b'"reason":"no volume","symbol":"XOM","version":1}'
    )
    assert decode(old) == Abstained(
        event_id="n-00000001",
        at=datetime(2022, 1, 3, 14, 30, tzinfo=UTC),
        analyst="technical",
        symbols=("XOM",),
        reason="no volume",
    )


def test_legs_of_before_version_2_met_a_market_that_nobody_noted() -> None:
    leg = (
        b'{"at":"2022-01-03T14:30:00Z","causes":[],"compensates":false,"event_id":"o-1/leg","kind":"leg_sent","leg":0,'
        b'"order_id":"o-1","proposal_id":"p-1","version":1}'
    )
    assert decode(leg) == LegSent(
        event_id="o-1/leg",
        at=datetime(2022, 1, 3, 14, 30, tzinfo=UTC),
        proposal_id="p-1",
        leg=0,
        order_id="o-1",
        bid=None,
        ask=None,
    )
    end = (
        b'{"at":"2022-01-03T14:30:00Z","causes":[],"end":"none","event_id":"p-1/ended","kind":"proposal_ended","loss":"0",'
        b'"proposal_id":"p-1","reason":"no","state":"failed","version":1}'
    )
    ended = decode(end)
    assert isinstance(ended, ProposalEnded)
    assert ended.prices == {}


def test_a_version_without_a_way_up_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Alerted, "version", 2)
    with pytest.raises(LedgerError, match="'alerted' version 1 cannot be read any more: no upcast to 2"):
        decode(_changed("alerted", version=1))


def test_a_field_that_came_later_takes_its_default() -> None:
    fields = json.loads(encode(SAMPLES["filled"]))
    del fields["traded_on"]
    read: Any = decode(json.dumps(fields).encode())
    assert read.traded_on is None


def test_the_chain_is_sha256_over_the_last_digest_and_the_bytes() -> None:
    # printf '%064d' 0 | xxd -r -p | cat - <(printf abc) | sha256sum
    assert link(GENESIS, b"abc").hex() == "365aa7d8f7f9402c4b9434502b4cc89ddb09fe50d7cd95b493b834c62d5a5370"


def test_kinds_are_unique_and_versioned() -> None:
    assert len(CATALOGUE) == len(set(CATALOGUE.values()))
    assert all(shape.version >= 1 and kind == shape.kind for kind, shape in CATALOGUE.items())


def test_a_decision_of_before_bounds_were_kept_reads_without_any() -> None:
    old = (
        b'{"at":"2022-01-03T14:30:00Z","causes":[],"equity":"1","event_id":"d-00000001","kind":"decided",'
        b'"portfolio":"main","prices":{},"strategy":"s","targets":[],"version":1}'
    )
    event = decode(old)
    assert isinstance(event, Decided)
    assert event.bounds == ()
