"""What the page paints: whose money it is, how much, and nothing that a browser would obey."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.desk.web import paint

STATUS = {
    "sequence": 7, "state": "up", "reason": "", "mode": "paper", "account": "DU9000001", "simulated": [],
    "trading": "active", "prices_at": "2022-01-03T15:30:00Z", "locked": None,
}  # fmt: skip
LINE = {
    "symbol": "AAPL",
    "quantity": 10.0,
    "price": 123.45,
    "currency": "USD",
    "worth": 1234.5,
    "weight": 0.25,
    "day_profit": -3.0,
    "unrealized": 40.0,
}
SEEN = {
    "portfolio": "DU9000001/main", "currency": "USD", "equity": 4938.0, "cash": 3703.5, "day_profit": -62.0,
    "total_profit": 38.0, "doubtful": 0.0, "positions": [LINE], "risk": {"gross": 0.25},
}  # fmt: skip
EXPECTED = {
    "expected_return_pct": 1.0, "horizon_days": 21, "confidence": 0.5, "loss_max": "10", "risk_max_pct": 2.0,
    "tap_refused": None,
}  # fmt: skip
SNAPSHOT = {"sequence": 7, "at": "2022-01-03T15:30:01Z", "items": [SEEN]}


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
    assert "<span id='worth' data-sequence='7' data-at='2022-01-03T15:30:01Z'>$4,938.00</span>" in said
    # 62 of the 5000 that it was before today
    assert "<span class='loss'>−$62.00 <small>−1.24\N{NO-BREAK SPACE}%</small></span>" in said
    assert "<span class='gain'>+$38.00</span>" in said
    assert "Prices of 2022-01-03 15:30 UTC." in paint.worth(SNAPSHOT, (), "2022-01-03T15:30:00Z")
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
    assert "\N{EM DASH}" in said, "what is not known is a dash"
    assert "10 at $123.45" in said


def test_what_several_strategies_hold_of_a_symbol_is_one_position() -> None:
    other = LINE | {"quantity": 5.0, "worth": 617.25, "day_profit": 1.0, "unrealized": None}
    said = paint.positions({"sequence": 7, "items": [SEEN | {"positions": [LINE, other]}]})
    assert said.count("<b>AAPL</b>") == 1
    assert "15 at $123.45" in said
    assert "$1,851.75<small>25.00" in said, "1234.50 and 617.25; the weight is the symbol's already"
    assert "−$2.00" in said
    assert said.count("\N{EM DASH}") == 1, "the gain of a part whose cost nobody knows"


def test_less_than_half_a_cent_is_neither_gain_nor_loss() -> None:
    assert paint.money(-0.004, "USD", signed=True) == "$0.00"
    assert (paint.tone(-0.004), paint.tone(0.006), paint.tone(None)) == ("", "gain", "")


def test_currencies_are_not_added_up() -> None:
    two = {"sequence": 7, "items": [SEEN, SEEN | {"portfolio": "DU9000001/growth", "currency": "EUR"}]}
    said = paint.worth(two, (1.0, 2.0))
    assert "$4,938.00" in said
    assert "€4,938.00" in said
    assert "<svg" not in said, "nor drawn as one line"


def test_orders_offer_their_cancellation_to_whoever_may_act() -> None:
    order = {
        "order_id": "o-1", "symbol": "KO", "side": "sell", "quantity": "10", "filled": "4", "type": "stop_limit",
        "limit_price": "50.10", "stop_price": "50.25", "purpose": "protection", "status": "partially_filled",
    }  # fmt: skip
    said = paint.orders([order])
    assert "data-order='o-1' aria-label='Cancel order o-1, sell 10 KO'" in said
    assert "stop limit 50.10" in said
    assert "4 of it filled" in said
    assert "partly filled" in said
    assert "button" not in paint.orders([order], acts=False)
    assert "button" not in paint.orders([order | {"status": "pending_cancel"}]), "it is asked for once"
    stays = paint.orders([order | {"cancel_refused": "protects 10 KO"}])
    assert "aria-label='Why order o-1, sell 10 KO stays'>Stays…<" in stays


def test_a_desk_that_nobody_trades_for_does_not_look_as_if_somebody_did() -> None:
    assert "trading active" in paint.trading({"trading": "active"}, "here")
    assert "nobody trades" in paint.trading({"trading": "active"}, "nowhere")
    assert "trading halted, and nobody trades" in paint.trading({"trading": "halted"}, "nowhere")


def test_less_than_a_cent_is_neither_a_gain_nor_a_loss() -> None:
    assert paint.money(-0.001, "USD", signed=True) == paint.money(0.001, "USD", signed=True) == "$0.00"
    assert paint.tone(-0.001) == paint.tone(0.001) == ""
    assert paint.tone(-0.01) == "loss"


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"state": "active"}, ""),
        ({"state": "reducing", "stopped_by": "a loss of the day"}, "It was stopped by a loss of the day."),
        ({"state": "active", "kill_asked": {"by": "ann", "form": "halt"}}, "ann asked for a halt; it is taken at"),
        ({"state": "halted", "kill": {"by": "ann", "form": "flatten"}}, "ann asked for a flatten: it is being carried"),
        ({"state": "halted", "kill": {"by": "a", "form": "halt"}, "kill_finished": True}, "a halt: all of it is done"),
    ],
)
def test_a_stop_says_who_asked_and_how_far_it_is(told: dict[str, object], says: str) -> None:
    said = paint.stopped(told)
    assert says in said
    assert bool(said) is bool(says)


def test_risk_is_told_in_money_and_in_percent_or_that_there_is_not_enough_data() -> None:
    assert paint.risk(SNAPSHOT).count("too few past prices") == 4
    risk = {"var_95": 0.02, "var_99": 0.03, "es_95": 0.04, "volatility": 0.2, "gross": 0.25}
    said = paint.risk({"sequence": 7, "items": [SEEN | {"risk": risk}]})
    assert "$98.76 <span class='soft'>2.00\N{NO-BREAK SPACE}%</span>" in said  # 2 % of 4,938
    assert "too few" not in said
    assert "nothing is owned that could lose" in paint.risk({"items": [SEEN | {"positions": []}]})
    assert "nothing was valued yet" in paint.risk({})


def test_a_line_that_never_moved_is_drawn_in_the_middle() -> None:
    assert "M0.0,32.0 L600.0,32.0" in paint.spark((5.0, 5.0), "USD")
    assert paint.spark((5.0,), "USD") == ""
    assert "$5.00 to $6.00 while this page was open" in paint.spark((5.0, 6.0), "USD")


def test_a_proposal_says_its_cost_and_what_stopping_halfway_might_lose() -> None:
    leg = {"symbol": "KO", "side": "buy", "quantity": "10", "price": "50.25", "currency": "USD", "reason": "first"}
    each = EXPECTED | {
        "cost": "1.5", "legging_loss_max": "7", "unwinding_cost": None, "legs": [leg] * 6, "strategy": "momentum",
        "expires_at": "2022-01-03T15:30:00+00:00",
    }  # fmt: skip
    said = paint.proposal(each, "EUR")
    assert "<td class='n'>$50.25</td><td class='n'>$502.50</td>" in said, "a price is in its own currency"
    assert "<b>+1.00\N{NO-BREAK SPACE}%</b> in 21 days with a confidence of <b>0.50</b>" in said
    assert "up to <b>€10.00</b>, 2.00\N{NO-BREAK SPACE}% of the account" in said
    assert "Expected to cost <b>€1.50</b>" in said
    assert "undoing all of it cost about <b>\N{EM DASH}</b>" in said
    assert "It would be refused" not in said
    assert "and 2 more" in paint.summary(each)
    assert "until 2022-01-03 15:30 UTC" in paint.summary(each)
    assert "It would be refused now: the quotes are old" in paint.summary(each | {"tap_refused": "the quotes are old"})


@given(text=st.text(max_size=40) | st.sampled_from(["<script>alert(1)</script>", "' onload='x", '"><img src=x>']))
def test_no_text_from_outside_becomes_markup(text: str) -> None:
    line = LINE | {"symbol": text}
    order = dict.fromkeys(
        ("order_id", "symbol", "side", "quantity", "type", "limit_price", "stop_price", "purpose", "status"), text
    ) | {"filled": "0"}
    leg = {"symbol": text, "side": text, "quantity": "1", "price": "1", "currency": text, "reason": text}
    each = EXPECTED | {"cost": None, "legging_loss_max": None, "unwinding_cost": None, "legs": [leg], "strategy": text,
            "expires_at": text}  # fmt: skip
    plain = EXPECTED | {"cost": None, "legging_loss_max": None, "unwinding_cost": None, "strategy": "",
             "expires_at": "", "legs": [leg | {"symbol": "", "side": "", "currency": "", "reason": ""}]}  # fmt: skip
    status = STATUS | {"account": text, "state": text, "trading": text, "reason": text, "simulated": [text]}
    empty = STATUS | {"account": "", "state": "", "trading": "", "reason": "x", "simulated": [""]}
    pairs = [
        (paint.positions({"items": [SEEN | {"portfolio": text, "positions": [line]}]}), None),
        (paint.risk({"items": [SEEN | {"portfolio": f"x/{text}"}]}), paint.risk({"items": [SEEN]})),
        (
            paint.away([dict.fromkeys(("part", "since", "why", "still_works"), text or "x")]),
            paint.away([dict.fromkeys(("part", "since", "why", "still_works"), "x")]),
        ),
        (paint.orders([order]), paint.orders([dict.fromkeys(order, "") | {"filled": "0"}])),
        (paint.order(order), paint.order(dict.fromkeys(order, ""))),
        (
            paint.stopped({"state": text or "x", "kill": {"by": text, "form": text}}),
            paint.stopped({"state": "x", "kill": {"by": "", "form": ""}}),
        ),
        (paint.unanswered(text), paint.unanswered("")),
        (paint.watches(text), paint.watches("")),
        (
            paint.alerts([{"at": text, "message": text, "severity": f"x{text}"}]),
            paint.alerts([{"at": "", "message": "", "severity": "x"}]),
        ),
        (paint.proposal(each, text), paint.proposal(plain, "")),
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
