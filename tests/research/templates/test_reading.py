"""Templates as text: what ships is whole, what is wrong is named with its remedy, and a number makes a version."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.config.kinds import StrategyName
from bursar.errors import InputError
from bursar.research.templates import Template, digest, parse, shipped, template
from bursar.research.templates.grammar import Form, Trades
from bursar.research.templates.reading import TEXT_MAX, document, from_document
from bursar.research.templates.words import OVER_EARNINGS, words

TEXT = """
name = "mine"
kind = "momentum"
about = "what rose"
source = "a test"
confidence_min = 0.5

[signals.rise]
reads = "momentum"
lookback_days = 100
strength = "rank"

[signals.loud]
reads = "relative_volume"
optional = true

[[enter]]
signal = "rise"
above = 0

[rank]
by = "rise"

[size]
by = "risk"
positions = 2
"""

#: The version of that text, as it was before a template could say that it means to hold over earnings.
MINE = "522a9187f4cd"


def without(line: str, instead: str = "") -> str:
    assert line in TEXT
    return TEXT.replace(line, instead)


def test_the_three_that_were_asked_for_have_their_numbers() -> None:
    asked = {
        "momentum": (["price_momentum", "volume_momentum"], 0.7, 3, 0.02),
        "mean_reversion": (["oversold_rsi", "bollinger_lower"], 0.65, 5, 0.015),
        "volatility_expansion": (["low_iv", "earnings_approach"], 0.75, 2, 0.03),
    }
    for name, (signals, confidence, positions, risk) in asked.items():
        found = template(name)
        assert [signal.name for signal in found.signals if signal.strength] == signals
        assert (found.confidence_min, found.size.positions, found.size.risk) == (confidence, positions, risk)


def test_there_are_five_kinds_at_least_and_two_baselines_at_the_end() -> None:
    all_of_them = list(shipped().values())
    kinds = {each.kind for each in all_of_them if not each.baseline}
    assert {"momentum", "mean reversion", "volatility", "options", "trend", "pairs", "quality and value"} <= kinds
    assert (
        [each.name for each in all_of_them if each.baseline] == ["equal_weight", "five_books"] == list(shipped())[-2:]
    )


def test_the_settings_know_every_template_and_no_other() -> None:
    assert set(get_args(StrategyName)) == {*shipped(), "committee"}


def test_what_ships_is_data_and_nothing_else() -> None:
    folder = files("bursar.research.templates").joinpath("shipped")
    assert {file.name.removesuffix(".toml") for file in folder.iterdir()} - {"__pycache__"} == set(shipped())


@pytest.mark.parametrize("name", shipped())
def test_a_template_can_be_read_in_sentences(name: str) -> None:
    said = words(template(name))
    assert len(said) >= 2
    assert all(each[0].isupper() or each.split(":")[0].isidentifier() for each in said)
    assert all(each.endswith(".") and "{" not in each for each in said)


def test_a_template_says_what_it_does() -> None:
    looks, volume, buys, confidence, first, size, rhythm = words(template("momentum"))
    assert looks == "price_momentum: the return of 252 days without the last 21."
    assert volume.endswith("; where the source has none of it, it goes on without and says so.")
    assert buys == "It buys where, at the last close, price_momentum is above 0.0%."
    assert confidence.endswith("mean strength of price_momentum (2), volume_momentum (1); nothing is opened below 0.7.")
    assert first == "The highest confidence comes first; what is held stays among 2 times as many."
    assert size.startswith("At most 3 positions, each so large that a move of 2 deviations over the horizon costs 2.0%")
    assert rhythm == "It decides monthly; a position is meant for 21 trading days."


# ---------------------------------------------------------------- versions


def test_order_and_comments_are_no_new_version_and_a_number_is() -> None:
    mine = parse(TEXT)
    turned = TEXT.replace('kind = "momentum"\n', "").replace(
        'name = "mine"', '# hello\nkind = "momentum"\nname = "mine"'
    )
    assert digest(parse(turned)) == digest(mine)
    assert digest(parse(without("lookback_days = 100", "lookback_days = 101"))) != digest(mine)
    # What is usual may be said or not.
    assert digest(parse(without("lookback_days = 100", "lookback_days = 100\nskip_days = 21"))) == digest(mine)


def test_what_does_not_hold_over_earnings_keeps_its_version_and_what_does_says_so() -> None:
    mine, bold = parse(TEXT), parse(without('name = "mine"', 'name = "mine"\nover_earnings = true'))
    assert (mine.over_earnings, bold.over_earnings) == (False, True)
    assert digest(mine) == digest(parse(without('name = "mine"', 'name = "mine"\nover_earnings = false'))) == MINE
    assert digest(bold) != MINE
    assert document(bold)["over_earnings"] is True
    assert OVER_EARNINGS in words(bold)
    assert OVER_EARNINGS not in words(mine)
    assert [each.name for each in shipped().values() if each.over_earnings] == ["volatility_expansion"]


@pytest.mark.parametrize("name", shipped())
def test_no_two_templates_share_a_version_and_each_keeps_its_own(name: str) -> None:
    assert len({digest(each) for each in shipped().values()}) == len(shipped())
    assert digest(template(name)) == digest(parse_again(name))


def parse_again(name: str) -> Template:
    text = files("bursar.research.templates").joinpath("shipped", f"{name}.toml").read_text(encoding="utf-8")
    return from_document(tomllib.loads(text))


def test_the_document_says_everything() -> None:
    said = document(parse(TEXT))
    assert said["signals"][0]["parameters"] == {"lookback_days": 100.0, "skip_days": 21.0}
    assert said["size"] == {
        "by": "risk", "positions": 2, "risk": 0.02, "deviations": 2.0, "volatility_target": None,
    }  # fmt: skip
    assert said["form"] == Form.SELECT.value
    assert said["trades"] == Trades.SHARES.value


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (without('reads = "momentum"', 'reads = "momentun"'), "no signal is called momentun. Did you mean momentum?"),
        (
            without('reads = "momentum"', 'reads = "astrology"'),
            "no signal is called astrology. There are: above_average",
        ),
        (
            without("lookback_days = 100", "lookback = 100"),
            "rise reads momentum, which has no lookback. Did you mean lookback_days?",
        ),
        (
            without("lookback_days = 100", "lookback_days = 5"),
            "lookback_days of rise is 5; give a whole number from 20 to 1260",
        ),
        (
            without("lookback_days = 100", 'lookback_days = "a year"'),
            "lookback_days of rise is 'a year'; give a whole number",
        ),
        (without("lookback_days = 100", "lookback_days = 100.5"), "is 100.5; give a whole number"),
        (without("lookback_days = 100", "lookback_days = true"), "is True; give a whole number"),
        (
            without('signal = "rise"', 'signal = "ries"'),
            "template mine: no signal of this template is called ries. Did you mean rise?",
        ),
        (
            without("above = 0", "above = 0\nbelow = 1"),
            "has above and below; give one of above, at_least, below, at_most",
        ),
        (without("above = 0", ""), "on rise has none of them; give one of above"),
        (without("above = 0", "above = nan"), "against nan; give a number"),
        (without("above = 0", 'above = "much"'), "above in [[enter]] is 'much'; give a number"),
        (
            without('by = "rise"', 'by = "rise"\nhigest = true'),
            "[rank]: no key is called higest. Did you mean highest?",
        ),
        (without('by = "rise"', 'by = "fall"'), "no signal of this template is called fall"),
        (without('[rank]\nby = "rise"\n'), "it does not say who comes first; give [rank]"),
        (without("confidence_min = 0.5", "confidence_min = 1.5"), "confidence_min is 1.5; give 0 to 1"),
        (
            without("confidence_min = 0.5", 'confidence_min = "high"'),
            "confidence_min in the template is 'high'; give a number",
        ),
        (without('strength = "rank"', ""), "it asks for confidence, and no signal has a strength"),
        (
            without('strength = "rank"', 'strength = "loud"'),
            "strength of rise is 'loud'; give \"rank\", or { none = 50",
        ),
        (without('strength = "rank"', "strength = { none = 1, full = 1 }"), "give two different numbers, or rank"),
        (
            without('by = "risk"', 'by = "luck"'),
            "by in [size]: no value is called luck. There are: equal, inverse_volatility, risk",
        ),
        (without("positions = 2", "positions = 0"), "0 positions; give 1 to 1000"),
        (without("positions = 2", ""), "[size]: positions is missing"),
        (
            without("positions = 2", "positions = 2\nrisk = 0.06"),
            "a risk of 6.0% a position; give more than 0 % and at most 5 %",
        ),
        (without("optional = true", "optional = true\nweight = 0"), "the weight of loud is 0.0; give more than 0"),
        (without('name = "mine"', 'name = ""'), "name is empty; say it in words"),
        (without('name = "mine"'), "the template: name is missing"),
        (without('kind = "momentum"', 'kind = "momentum"\ncode = "import os"'), "no key is called code"),
        (
            without('kind = "momentum"', 'kind = "momentum"\nform = "pairs"'),
            "its form is pairs, and [pairs] is missing",
        ),
        (
            without('kind = "momentum"', 'kind = "momentum"\nform = "everything"'),
            "reads no signals and trades shares; leave them out",
        ),
        (
            without('kind = "momentum"', 'kind = "momentum"\nrhythm = "hourly"'),
            "no value is called hourly. There are: annually, daily",
        ),
        (without('reads = "momentum"', 'reads = "momentum"\noptional = true'), "all of its signals are optional"),
        (
            without("[signals.rise]", "[signals]\nrise = 3\n[other]"),
            "signals.rise is 3; it must be a section with keys",
        ),
        (without("[[enter]]", "[enter]"), "write [[enter]] once for each condition"),
        (TEXT + "[size]", "is not TOML"),
        (without('[size]\nby = "risk"\npositions = 2\n'), "[size] is missing; say by, and positions"),
        ("x" * (TEXT_MAX + 1), "has 20,001 letters; a template has at most 20,000"),
    ],
)
def test_what_makes_no_sense_is_named_with_its_remedy(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, "mine.toml")
    assert message in str(caught.value)
    assert str(caught.value).startswith("mine.toml")


@given(text=st.text(max_size=200))
def test_no_text_does_anything_but_be_read_or_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


def test_a_name_that_nobody_knows_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no strategy is called momentun\. Did you mean momentum\?"):
        template("momentun")
    with pytest.raises(InputError, match=r"there is no file .*; give a template's file, or one of confirmed_dips"):
        template(str(tmp_path / "none.toml"))
    path = tmp_path / "mine.toml"
    path.write_text(TEXT, encoding="utf-8")
    assert template(str(path)).name == "mine"
