"""Offers: what is composed, pooled, measured, sized, held to its contract, tried at the gate and ranked."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain.instruments import Instrument
from bursar.domain.orders import Effect, Side
from bursar.domain.proposals import Leg
from bursar.errors import InputError
from bursar.ports import Panel
from bursar.quant.arrays import FloatArray
from bursar.research.generate.aggregate import Voice, aggregate
from bursar.research.generate.compose import IDEAS, compose
from bursar.research.generate.feasibility import AccountNow, refusals
from bursar.research.generate.ground import Ground
from bursar.research.generate.offer import Offer, offer, rank
from bursar.research.generate.record import PRIOR, Record, replay
from bursar.research.generate.size import SizeLimits, size
from bursar.research.generate.timeline import timeline
from bursar.research.templates import digest, parse, template
from bursar.research.templates.words import OVER_EARNINGS
from bursar.risk.limits import RiskLimits
from tests.builders import DAY
from tests.real_prices import calendar

SESSIONS = calendar().sessions(DAY, date(2022, 6, 1))
ACCOUNT = AccountNow(account="DU9000001", equity=Decimal(100_000), cash=Decimal(100_000))


def ground(columns: dict[str, FloatArray], volume: float | None = None) -> Ground:
    symbols = tuple(sorted(columns))
    values = np.column_stack([columns[symbol] for symbol in symbols])
    dates = np.arange(len(values)).astype("timedelta64[D]") + np.datetime64("2022-01-02") - len(values) + 1
    facts = {} if volume is None else {"volume": Panel(dates, symbols, np.full(values.shape, volume))}
    return Ground(
        at=SESSIONS[0].open - timedelta(minutes=30),
        session=SESSIONS[0],
        instruments={s: Instrument(symbol=s, sector=s) for s in symbols},
        closes=Panel(dates, symbols, values),
        lacks=frozenset(),
        facts=facts,
        sessions=SESSIONS,
    )


def walks(days: int, seed: int, count: int, drift: float = 0.0) -> dict[str, FloatArray]:
    chance = np.random.default_rng(seed)
    steps = drift + 0.015 * chance.normal(size=(days, count))
    return {f"S{place:02d}": 100.0 * np.exp(np.cumsum(steps[:, place])) for place in range(count)}


RISE = parse(
    """
    name = "rise"
    kind = "momentum"
    about = "Hold what rose yesterday."
    source = "a test"
    horizon_days = 5
    confidence_min = 0.5
    signals.rise = { reads = "momentum", lookback_days = 20, skip_days = 0, strength = "rank" }
    rank = { by = "confidence" }
    size = { by = "equal", positions = 2 }
    """
)


# ---------------------------------------------------------------- composed


def test_every_candidate_is_a_template_of_two_families_and_none_comes_twice() -> None:
    made = compose()
    families = {idea.name: idea.family for idea in IDEAS}
    assert len({digest(each) for each in made}) == len(made) > 30
    for each in made:
        one, other = each.name.split("+")
        assert families[one] != families[other]
        assert [signal.name for signal in each.signals] == [one, other]


def test_what_a_source_lacks_is_in_no_candidate() -> None:
    made = compose({"volume", "implied_volatility", "days_to_report"})
    assert 0 < len(made) < len(compose())
    assert {field for each in made for field in each.needs} == {"close"}


# ---------------------------------------------------------------- pooled


def test_voices_are_pooled_in_log_odds_by_weight() -> None:
    (both, alone) = aggregate(
        [Voice(template="a", symbol="X", chance=0.6), Voice(template="b", symbol="X", chance=0.7),
         Voice(template="a", symbol="Y", chance=0.6)],
        {"a": 1.0, "b": 1.0},
    )  # fmt: skip
    odds = 0.5 * math.log(0.6 / 0.4) + 0.5 * math.log(0.7 / 0.3)
    assert both.chance == pytest.approx(1.0 / (1.0 + math.exp(-odds)))
    assert (both.symbol, both.voices) == ("X", ("a", "b"))
    # b was asked and did not choose Y: half of the weight says nothing, and the chance is drawn to one half.
    assert alone.chance == pytest.approx(1.0 / (1.0 + math.exp(-0.5 * math.log(1.5))))


def test_a_voice_without_a_weight_or_a_chance_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="b chose X and has no weight"):
        aggregate([Voice(template="b", symbol="X", chance=0.5)], {"a": 1.0})
    with pytest.raises(InputError, match=r"a chance of 1\.2"):
        aggregate([Voice(template="a", symbol="X", chance=1.2)], {"a": 1.0})
    with pytest.raises(InputError, match="must all lie above 0"):
        aggregate([], {"a": 0.0})


# ---------------------------------------------------------------- measured


def test_a_record_by_hand() -> None:
    # Two symbols: UP rises 1 % a day, DOWN falls 1 %. The rule holds UP always: 5 days later it is worth 1.01^5.
    days = np.arange(100)
    seen = ground({"UP": np.asarray(100 * 1.01**days), "DOWN": np.asarray(100 * 0.99**days)})
    made = replay(RISE, seen, cost_rate=0.001)
    assert made.held == made.periods == 15  # after rows 93, 88, ... 23: before row 20 there are no 21 closes
    assert made.returns == pytest.approx(1.01**5 - 1 - 0.002)
    assert made.yardstick == pytest.approx((1.01**5 + 0.99**5) / 2 - 1)
    assert (made.rises == 1.0).all()
    assert (made.base_rises == 0.5).all()
    own, base = 15 * made.returns[0], PRIOR * made.yardstick[0]
    assert made.expected_return == pytest.approx((own + base) / (15 + PRIOR))
    assert made.chance == pytest.approx((15 * 1.0 + PRIOR * 0.5) / (15 + PRIOR))


def test_a_record_buys_at_the_close_after_the_one_that_it_saw() -> None:
    # What rose by the close is known only then: a rule that bought at that close would earn each jump itself.
    steps = np.zeros((120, 2))
    steps[::5, 0] = 0.10
    steps[1::5, 0] = -0.10
    closes = 100 * np.exp(np.cumsum(steps, axis=0))
    made = replay(RISE, ground({"JUMP": closes[:, 0], "STILL": closes[:, 1] * 1.0}), cost_rate=0.0)
    assert made.returns.max() <= 0.11
    assert abs(made.returns).max() == pytest.approx(abs(made.returns).min(), abs=0.2)


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_the_future_of_a_row_changes_nothing_that_was_chosen_before(seed: int) -> None:
    columns = walks(160, seed, 5)
    whole = replay(RISE, ground(columns), cost_rate=0.0)
    cut = {symbol: closes[:-40] for symbol, closes in columns.items()}
    shorter = replay(RISE, ground(cut), cost_rate=0.0)
    assert whole.returns[: shorter.held] == pytest.approx(shorter.returns)


def test_noise_is_not_told_from_luck_more_often_than_chance_has_it() -> None:
    told = 0
    for seed in range(24):
        made = replay(RISE, ground(walks(300, seed, 6)), cost_rate=0.0)
        told += abs(made.excess) > 2.0 * made.excess_error
    assert told <= 5  # 5 % of 24 is about 1; more than 5 comes about once in a thousand


def test_what_cannot_be_measured_says_why() -> None:
    seen = ground(walks(300, 1, 3))
    assert "not remembered" in replay(template("quality_value"), seen, cost_rate=0.0).why_not
    assert "no prices of options" in replay(template("long_call"), seen, cost_rate=0.0).why_not
    assert "too few closes" in replay(RISE, ground(walks(5, 1, 3)), cost_rate=0.0).why_not
    assert "needs 253 daily closes" in replay(template("momentum"), ground(walks(200, 1, 3)), cost_rate=0.0).why_not


# ---------------------------------------------------------------- sized


def returns_of(seed: int, count: int) -> FloatArray:
    chance = np.random.default_rng(seed)
    common = chance.normal(0.0005, 0.01, (252, 1))
    made: FloatArray = common * chance.uniform(0.0, 1.0, count) + chance.normal(0.0003, 0.01, (252, count))
    return made


@settings(max_examples=12)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 15))
def test_sizes_keep_every_limit(seed: int, count: int) -> None:
    symbols = [f"S{place}" for place in range(count)]
    sectors = {symbol: "ABC"[place % 3] for place, symbol in enumerate(symbols)}
    limits = SizeLimits()
    returns = returns_of(seed, count)
    made = size(symbols, returns, sectors, horizon_days=21, limits=limits)
    assert made.weights.keys() | made.dropped.keys() <= set(symbols)
    assert max(made.weights.values()) <= limits.position_max + 1e-6
    for sector in "ABC":
        assert sum(w for s, w in made.weights.items() if sectors[s] == sector) <= limits.sector_max + 1e-6
    assert sum(made.weights.values()) <= 1.0 + 1e-6
    assert made.risk <= limits.risk_max
    assert math.isnan(made.correlation_max) or made.correlation_max <= limits.correlation_max
    taken = [place for place, symbol in enumerate(symbols) if symbol not in made.dropped]
    between = np.corrcoef(returns[:, taken], rowvar=False).reshape(len(taken), -1)
    assert between[~np.eye(len(taken), dtype=bool)].max(initial=-1.0) <= limits.correlation_max


def test_a_copy_is_left_out_and_named_with_its_original() -> None:
    returns = np.random.default_rng(3).normal(0.0005, 0.01, (252, 2))
    made = size(["A", "B", "C"], np.column_stack([returns, returns[:, 0] * 1.001]), {}, horizon_days=21)
    assert made.dropped == {"C": "it moves with A at 1.00; at most 0.5 is allowed"}


def test_more_components_than_a_session_may_open_are_left_out() -> None:
    made = size(["A", "B"], returns_of(3, 2) * [1, -1], {}, horizon_days=21, limits=SizeLimits(components_max=1))
    assert made.dropped == {"B": "1 are taken already"}


@pytest.mark.parametrize(
    ("returns", "limits", "message"),
    [
        (np.zeros((252, 1)), {}, "A did not move"),
        (np.zeros((5, 1)), {}, "5 days of 1 symbols; give 21 at least"),
        (np.ones((252, 1)), {"risk_max": 0.0}, "risk_max is 0.0; give more than 0"),
    ],
)
def test_what_cannot_be_sized_is_refused(returns: FloatArray, limits: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        size(["A"], returns, {}, horizon_days=21, limits=SizeLimits(**limits))  # type: ignore[arg-type]  # by name


# ---------------------------------------------------------------- feasible, and when


def leg(symbol: str = "S00", quantity: int = 10, price: float = 100.0, side: Side = Side.BUY) -> Leg:
    return Leg(
        symbol=symbol,
        side=side,
        quantity=Decimal(quantity),
        effect=Effect.OPEN,
        price=Decimal(str(price)),
        reason=".",
    )


@cache
def calm() -> Ground:
    return ground(walks(300, 5, 4))


def last(symbol: str = "S00") -> float:
    return float(calm().closes.column(symbol)[-1])


def test_a_small_purchase_of_what_is_listed_is_feasible() -> None:
    assert refusals([leg(price=last())], calm(), ACCOUNT, "rise") == ()


def test_what_would_be_held_over_a_report_is_refused_unless_its_strategy_means_to() -> None:
    seen = calm()
    days = Panel(seen.closes.dates[-1:], ("S00", "S01"), np.array([[1.0, 30.0]]))
    reporting = replace(seen, facts={"days_to_report": days})
    (said,) = refusals([leg(price=last())], reporting, ACCOUNT, "rise")
    assert said == "the gate would refuse it: S00 reports on 2022-01-03; rise did not say to hold over it"
    assert refusals([leg(price=last())], reporting, ACCOUNT, "rise", over_earnings=True) == ()
    assert refusals([leg("S01", price=last("S01"))], reporting, ACCOUNT, "rise") == ()


@pytest.mark.parametrize(
    ("asked", "account", "message"),
    [
        (leg("NONE"), ACCOUNT, "NONE is not listed here"),
        (leg(side=Side.SELL), ACCOUNT, "S00 would be sold short, and this account does not"),
        (leg(quantity=2000), ACCOUNT, "of cash, and"),
        (leg(quantity=1), replace(ACCOUNT, base_currency="EUR"), "S00 is in USD; convert money first"),
        (
            leg(quantity=1),
            replace(ACCOUNT, limits=RiskLimits(allowed_symbols=("JPM",))),
            "the gate would refuse it: S00",
        ),
    ],
)
def test_what_this_account_cannot_do_is_said_in_words(asked: Leg, account: AccountNow, message: str) -> None:
    assert any(message in said for said in refusals([asked], calm(), account, "rise"))


def test_the_timeline_goes_from_the_analysis_to_the_end_of_the_horizon() -> None:
    steps = timeline([leg("A", 10), leg("B", 50)], [math.nan, 0.03], SESSIONS, 21)
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert steps[0].what == "analysts form their views"
    assert steps[2].what == "buy 50 B, 3.0% of a day's volume, in pieces (VWAP)"  # the larger first
    assert steps[2].until is not None
    assert steps[3].what == "buy 10 A, at once"
    assert steps[-1].at == SESSIONS[21].close
    assert "as far as the calendar reaches" in timeline([leg()], [math.nan], SESSIONS[:3], 21)[-1].what


# ---------------------------------------------------------------- offered and ranked


def risers() -> dict[str, FloatArray]:
    return walks(400, 8, 6, drift=0.004)


def test_an_offer_is_a_proposal_that_explains_itself_and_keeps_its_contract() -> None:
    seen = ground(risers(), volume=1e6)
    made = offer(replay(RISE, seen, cost_rate=0.0005), seen, ACCOUNT)
    assert made.offered, (made.breaches, made.refusals)
    assert made.proposal is not None
    assert made.promise is not None
    assert made.proposal.proposal_id == f"s-rise-{digest(RISE)}-2022-01-03"
    assert made.proposal.reasons[0] == "Hold what rose yesterday."
    assert any("of that rose after costs" in reason for reason in made.proposal.reasons)
    assert OVER_EARNINGS not in made.proposal.reasons
    bold = offer(replay(replace(RISE, over_earnings=True), seen, cost_rate=0.0005), seen, ACCOUNT)
    assert bold.proposal is not None
    assert bold.proposal.reasons[1] == OVER_EARNINGS
    assert made.promise.confidence >= 0.6
    assert made.promise.risk_max <= 0.05
    assert made.promise.expected_return > 0.0
    for each in made.proposal.legs:
        assert each.quantity * each.price <= Decimal(100_000) / 10
        assert each.quantity % 1 == 0
    biggest = max(float(each.quantity * each.price) for each in made.proposal.legs)
    assert 0.0 < made.impact < 0.01
    assert made.capacity > 100_000 * biggest / 1e6
    assert made.score < made.record.yearly_ratio  # its own size costs something


def test_without_volume_nobody_knows_the_capacity() -> None:
    seen = ground(risers())
    made = offer(replay(RISE, seen, cost_rate=0.0005), seen, ACCOUNT)
    assert math.isnan(made.capacity)
    assert math.isnan(made.impact)


def test_what_promises_too_little_is_named_and_not_offered() -> None:
    falling = ground(walks(400, 9, 6, drift=-0.002))
    made = offer(replay(RISE, falling, cost_rate=0.0005), falling, ACCOUNT)
    assert not made.offered
    assert any(said.startswith("confidence is ") for said in made.breaches)
    assert any(said.startswith("expected return is -") for said in made.breaches)


def test_a_share_that_costs_more_than_its_part_is_left_out_and_said() -> None:
    seen = ground(risers())
    poor = replace(ACCOUNT, equity=Decimal(500), cash=Decimal(500))
    made = offer(replay(RISE, seen, cost_rate=0.0), seen, poor)
    assert made.proposal is None
    assert all("is less than one lot at" in why for why in made.left_out.values())


def test_a_short_record_promises_nothing() -> None:
    seen = ground({symbol: closes[-60:] for symbol, closes in risers().items()})
    made = offer(replay(RISE, seen, cost_rate=0.0), seen, ACCOUNT)
    assert any("are the least" in said for said in made.breaches)


def test_what_can_be_offered_comes_first_and_then_the_score_decides() -> None:
    def recorded(name: str, returns: list[float]) -> Record:
        values = np.array(returns * 10)
        return Record(
            template=replace(RISE, name=name), returns=values, yardstick=values, rises=values, base_rises=values,
            periods=len(values),
        )  # fmt: skip

    good, better, nothing = recorded("good", [0.01, -0.005]), recorded("better", [0.02, -0.005]), recorded("none", [])
    seen = ground(risers())
    proposal = offer(replay(RISE, seen, cost_rate=0.0), seen, ACCOUNT).proposal
    barred = Offer(template=better.template, record=better, proposal=proposal, breaches=("no",))
    free = Offer(template=good.template, record=good, proposal=proposal)
    empty = Offer(template=nothing.template, record=nothing, breaches=("no",))
    assert [each.template.name for each in rank([empty, barred, free])] == ["good", "better", "none"]
    assert barred.score > free.score
