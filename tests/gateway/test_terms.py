"""Terms: what they refuse, and how they are named in a log of commands."""

from __future__ import annotations

from typing import Any

import pytest

from bursar.errors import InputError
from bursar.gateway.borrow import Lending
from bursar.gateway.margin import MarginRules
from bursar.gateway.terms import Terms


def test_terms_that_are_as_usual_are_named_as_they_were_before_there_were_more() -> None:
    # Logs of commands begin with these words; a log that was kept then is still good.
    assert repr(Terms()) == (
        "Terms(seed=0, accounts=('DU9000001',), cash=Decimal('100000'), currency='USD', "
        "fees=BasisPoints(rate=Decimal('1.0')), shorts_allowed=False, partial_fills=False)"
    )


def test_terms_that_differ_are_told_apart() -> None:
    kinds = [Terms(), Terms(margin=MarginRules()), Terms(lending=Lending()), Terms(adviser="DF9000001")]
    assert len({repr(terms) for terms in kinds}) == len(kinds)
    assert "margin=MarginRules(initial_long=Decimal('0.50')" in repr(Terms(margin=MarginRules()))


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"accounts": ()}, "at least one account"),
        ({"accounts": ("DU9000001", "DU9000001")}, "each named once"),
        ({"accounts": ("U1234567",)}, "could be taken for a real one; begin it with DU9"),
        ({"adviser": "F1234567"}, "could be taken for a real one; begin it with DF9"),
        ({"good_faith": True, "margin": MarginRules()}, "good_faith is a rule of cash accounts"),
    ],
)
def test_terms_that_cannot_be_are_refused(terms: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Terms(**terms)
