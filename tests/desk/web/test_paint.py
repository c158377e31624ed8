"""What the page paints: whose money it is, how much, and nothing that a browser would obey."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.desk.web import paint

STATUS = {
    "sequence": 7, "state": "up", "reason": "", "mode": "paper", "account": "DU9000001", "simulated": [],
    "trading": "active",
}  # fmt: skip
LINE = {"symbol": "AAPL", "worth": 1234.5, "weight": 0.25, "day_profit": -3.0, "unrealized": 40.0}
SEEN = {
    "portfolio": "DU9000001/main", "equity": 4938.0, "cash": 3703.5, "day_profit": -62.0, "total_profit": 38.0,
    "doubtful": 0.0, "positions": [LINE], "risk": {"gross": 0.25},
}  # fmt: skip
SNAPSHOT = {"sequence": 7, "items": [SEEN]}


@pytest.mark.parametrize(
    ("change", "says", "kind"),
    [
        ({"mode": "live", "account": "U1234567"}, "LIVE · real money in account U1234567", "live"),
        ({}, "PAPER · no real money · account DU9000001", ""),
        ({"simulated": ["Every price is made up."]}, "SIMULATED · no real money · account DU9000001", ""),
        ({"mode": None}, "Nothing has traded yet", ""),
    ],
)
def test_nobody_can_miss_whose_money_it_is(change: dict[str, object], says: str, kind: str) -> None:
    assert paint.band(STATUS | change) == (says, kind)


def test_what_is_away_is_said_with_its_beginning_and_what_still_works() -> None:
    away = {"part": "store", "since": "2022-01-03T15:30:00Z", "why": "no <space>", "still_works": "the rest"}
    said = paint.away([away, away | {"part": "x", "still_works": ""}])
    assert "<b>store</b> since 15:30:00 UTC: no &lt;space&gt;<br><span>Still works: the rest.</span>" in said
    assert said.count("Still works") == 1
    assert paint.away([]) == "", "all is well"


def test_the_worth_by_hand() -> None:
    said = paint.worth(SNAPSHOT, (4900.0, 4938.0))
    assert "<span id='worth' data-sequence='7'>4,938.00</span>" in said
    # 62 of the 5000 that it was before today
    assert "<span class='loss'>-62.00 (-1.24%)</span>" in said
    assert "<span class='gain'>+38.00</span>" in said
    assert "old or missing" not in said
    assert "old or missing" in paint.worth({"sequence": 7, "items": [SEEN | {"doubtful": 0.5}]}, ())


def test_without_a_value_it_says_why() -> None:
    assert "no price &lt;yet&gt;" in paint.worth({"detail": "no price <yet>"}, ())


def test_positions_stand_with_the_largest_first_and_name_their_portfolio_where_there_are_several() -> None:
    small = LINE | {"symbol": "KO", "worth": -2000.0, "unrealized": None}
    two = {"sequence": 7, "items": [SEEN, SEEN | {"portfolio": "DU9000001/growth", "positions": [small]}]}
    said = paint.positions(two)
    assert re.findall(r"<b>(\w+)</b>", said) == ["KO", "AAPL"], "a short counts by its size"
    assert "DU9000001/growth" in said
    assert "DU9000001/main" not in paint.positions(SNAPSHOT)
    assert "–" in said, "what is not known is a dash"


def test_risk_is_told_in_money_and_in_percent_or_that_there_is_not_enough_data() -> None:
    assert paint.risk(SNAPSHOT).count("not enough data") == 4
    risk = {"var_95": 0.02, "var_99": 0.03, "es_95": 0.04, "volatility": 0.2, "gross": 0.25}
    said = paint.risk({"sequence": 7, "items": [SEEN | {"risk": risk}]})
    assert "98.76 <span class='soft'>2.00%</span>" in said  # 2 % of 4,938
    assert "not enough data" not in said
    assert "nothing was valued yet" in paint.risk({})


def test_a_line_that_never_moved_is_drawn_in_the_middle() -> None:
    assert "M0.0,32.0 L600.0,32.0" in paint.spark((5.0, 5.0))
    assert paint.spark((5.0,)) == ""


def test_a_proposal_says_its_cost_and_what_stopping_halfway_might_lose() -> None:
    leg = {"symbol": "KO", "side": "buy", "quantity": "10", "price": "50.25"}
    each = {
        "cost": "1.5", "legging_loss_max": "7", "unwinding_cost": None, "legs": [leg] * 6, "strategy": "momentum",
        "expires_at": "2022-01-03T15:30:00+00:00",
    }  # fmt: skip
    assert "Expected to cost <b>1.50</b>" in paint.proposal(each)
    assert "undoing all of it cost about <b>–</b>" in paint.proposal(each)
    assert "and 2 more" in paint.summary(each)
    assert "until 15:30 UTC" in paint.summary(each)


@given(text=st.text(max_size=40) | st.sampled_from(["<script>alert(1)</script>", "' onload='x", '"><img src=x>']))
def test_no_text_from_outside_becomes_markup(text: str) -> None:
    line = LINE | {"symbol": text}
    order = dict.fromkeys(
        ("symbol", "side", "quantity", "type", "limit_price", "stop_price", "purpose", "status"), text
    )
    leg = {"symbol": text, "side": text, "quantity": text, "price": "1"}
    each = {"cost": None, "legging_loss_max": None, "unwinding_cost": None, "legs": [leg], "strategy": text,
            "expires_at": text}  # fmt: skip
    plain = {"cost": None, "legging_loss_max": None, "unwinding_cost": None, "strategy": "", "expires_at": "",
             "legs": [leg | {"symbol": "", "side": "", "quantity": ""}]}  # fmt: skip
    status = STATUS | {"account": text, "state": text, "trading": text, "reason": text, "simulated": [text]}
    empty = STATUS | {"account": "", "state": "", "trading": "", "reason": "x", "simulated": [""]}
    pairs = [
        (paint.positions({"items": [SEEN | {"portfolio": text, "positions": [line]}]}), None),
        (paint.risk({"items": [SEEN | {"portfolio": f"x/{text}"}]}), paint.risk({"items": [SEEN]})),
        (
            paint.away([dict.fromkeys(("part", "since", "why", "still_works"), text or "x")]),
            paint.away([dict.fromkeys(("part", "since", "why", "still_works"), "x")]),
        ),
        (paint.orders([order]), paint.orders([dict.fromkeys(order, "")])),
        (paint.alerts([{"at": text, "message": text}]), paint.alerts([{"at": "", "message": ""}])),
        (paint.proposal(each), paint.proposal(plain)),
        (paint.summary(each), paint.summary(plain)),
        (paint.band(status)[0], paint.band(empty)[0]),
        (paint.line(status | {"reason": text or "x"}), paint.line(empty)),
        (paint.trading(status), paint.trading(empty)),
        (paint.fine(status), paint.fine(empty)),
    ]
    for painted, bare in pairs:
        other = bare if bare is not None else paint.positions({"items": [SEEN]}).replace("AAPL", "")
        assert marks(painted) == marks(other)


def marks(html: str) -> list[str]:
    """The tags of ``html``, without what their attributes say."""
    return [re.match(r"</?\w+", tag).group() for tag in re.findall(r"<[^>]*>", html)]  # type: ignore[union-attr]
