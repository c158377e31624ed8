"""What can happen is a closed list, each kind refuses what cannot be, and the written catalogue says the same."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, cast

import pytest

from bursar.domain import events as e
from bursar.domain.events import CATALOGUE
from bursar.domain.money import Money
from bursar.errors import InputError
from tests.samples import SAMPLES, usd


def _with(kind: str, **fields: Any) -> e.Event:
    return dataclasses.replace(SAMPLES[kind], **fields)


def test_an_event_never_changes() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        SAMPLES["filled"].event_id = "other"  # type: ignore[misc]  # meant to be refused


def test_kinds_are_unique_and_versioned() -> None:
    assert len(CATALOGUE) == len(set(CATALOGUE.values()))
    assert all(kind == shape.kind and shape.version >= 1 for kind, shape in CATALOGUE.items())


def test_an_event_has_an_id() -> None:
    with pytest.raises(InputError, match="alerted has no id"):
        _with("alerted", event_id="")


@pytest.mark.parametrize("at", [datetime(2022, 1, 3), datetime(2022, 1, 3, tzinfo=timezone(timedelta(hours=1)))])  # noqa: DTZ001  # a naive moment is what is refused
def test_a_moment_is_utc(at: datetime) -> None:
    with pytest.raises(InputError, match="must be in UTC"):
        _with("alerted", at=at)


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("filled", {"quantity": Decimal(0)}, "quantity 0 must be above zero"),
        ("filled", {"quantity": Decimal(-1)}, "quantity -1 must be above zero"),
        ("filled", {"price": Decimal("-0.01")}, "price -0.01"),
        ("filled", {"commission": usd("-1")}, "commission -1.00 USD not below"),
        ("fill_corrected", {"quantity": Decimal(-1)}, "quantity -1"),
        ("view_formed", {"event_id": "v-00000002"}, "view v-00000001 is journalled as v-00000002"),
        ("order_placed", {"event_id": "o-00000002"}, "order o-00000001 is journalled as o-00000002"),
        ("dividend_paid", {"withheld": Money(Decimal(1), "EUR")}, "EUR withheld from USD"),
        ("split", {"new": Decimal(0)}, "both must be above zero"),
        ("split", {"old": Decimal(-1)}, "both must be above zero"),
        ("spun_off", {"ratio": Decimal(0)}, "the ratio must be above zero"),
        ("spun_off", {"basis_fraction": Decimal("1.01")}, "the fraction from 0 to 1"),
        ("merged", {"into": ""}, "give cash, or a company"),
        ("merged", {"ratio": Decimal(0)}, "give cash, or a company"),
        ("merged", {"cash": usd("-1")}, "give cash, or a company"),
        ("merged", {"into": "", "ratio": Decimal(0), "cash": usd("0")}, "give cash, or a company"),
        ("merged", {"price": None}, "give the price of its share"),
    ],
)
def test_what_cannot_be_is_refused_with_the_value_and_what_is_allowed(
    kind: str, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        _with(kind, **fields)


def test_a_merger_for_shares_alone_needs_no_price() -> None:
    assert isinstance(_with("merged", cash=usd("0"), price=None), e.Merged)


def test_a_merger_for_cash_alone_needs_no_price() -> None:
    assert isinstance(_with("merged", into="", ratio=Decimal(0), price=None), e.Merged)


def test_a_version_is_declared_with_its_kind() -> None:
    class Tried(e.Event, kind="tried_in_a_test", version=4):
        pass

    try:
        assert (Tried.kind, Tried.version) == ("tried_in_a_test", 4)
        assert CATALOGUE["tried_in_a_test"] is Tried
    finally:
        del CATALOGUE["tried_in_a_test"]


# ---------------------------------------------------------------- a committee's events


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("confidence", 101, "confidence is 101"), ("quantity", Decimal(-1), "the action says the direction")],
)
def test_a_resolution_says_how_sure_and_how_much_within_bounds(field: str, value: Any, message: str) -> None:
    (resolved,) = cast("e.CommitteeMet", SAMPLES["committee_met"]).resolutions
    with pytest.raises(InputError, match=message):
        dataclasses.replace(resolved, **{field: value})


def test_a_pooled_view_is_as_sure_of_its_sign_as_the_votes_are() -> None:
    """0.61 for a rise: of a rise it is 61 % sure, and of a fall (how much pointed the other way) 39 %."""
    met = cast("e.CommitteeMet", SAMPLES["committee_met"])
    (pooled,) = met.pooled()
    assert (pooled.confidence, pooled.analyst, pooled.view_id) == (0.61, "committee", met.event_id)
    falling = dataclasses.replace(met.resolutions[0], expected_excess_return=-0.01)
    (pooled,) = dataclasses.replace(met, resolutions=(falling,)).pooled()
    assert pooled.confidence == pytest.approx(0.39)
    assert dataclasses.replace(met, quorum=4).pooled() == ()


def test_a_signal_is_not_received_before_it_was_issued() -> None:
    with pytest.raises(InputError, match="the signal says that it was issued at"):
        _with("signal_received", at=SAMPLES["signal_received"].at - timedelta(seconds=1))
