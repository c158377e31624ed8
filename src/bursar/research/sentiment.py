"""The tone of a headline, by word lists of our own: from -1 (bad news) to 1 (good news).

Four kinds of words. *Good* and *bad* ones count for what they are ("record", "lawsuit"). *Rising* and *falling*
ones ("rose", "cut") are good and bad, but for what nobody wants more of: near a *burden* ("loss", "costs",
"debt") they turn round, so that "the loss narrowed" is good news and "costs rose" is bad. A burden that nothing
moves counts as bad. A negation up to three words before turns the word round ("not profitable", "no growth").

The tone is (good - bad) / (good + bad); 0 where nothing was found, which is also what neutral news gives.
Words are compared in lower case; one that ends in * in the lists stands for all that begin with it.

Headlines are text from strangers. They are counted here and quoted elsewhere, never obeyed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

GOOD = """
    accelerat* accretive achiev* advantag* applaud* approv* award* beat beats best better boon boost* breakthrough*
    bull bullish buyback* confident delight* efficien* encouraging enhanc* excellent exceed* fast favorable
    favourable gain gains good great healthy honor* ideal improv* innovat* leading milestone* momentum outpac*
    outperform* outstanding overweight partner* pleased positive profitab* progress promising rally rallied rallies
    rebound* record recover* resilien* reward* robust satisf* secured solid stabl* strength* strong* succe* superior
    support* surpass* top tops topped turnaround upbeat upgrad* upside win winner* winning wins won
"""
BAD = """
    abandon* accus* adverse* alleg* antitrust bankrupt* bear bearish breach* cancel* careful caution* closing
    closure* collaps* complain* concern concerns concerned crash* crisis damag* default* defect* delay* delist*
    deteriorat* difficult* disappoint* disput* downgrad* downside downturn fail* fear* fine fined fines force fraud*
    glut halt* hack* hurt* idle* illegal* impairment* investigat* lawsuit* layoff* lay-off* litigation liquidat*
    miss missed misses missing negativ* outage* penalt* plagu* poor* probe* problem* recall* redundanc* reject*
    resign* risk* scandal* severe severely shortage* shortfall slow sluggish soft strike struggl* sue sued suffer*
    suspend* temporar* terminat* tough* trouble* uncertain* underperform* underweight unfavorable unfavourable
    violat* volatil* vulnerab* warn* weak* worr* worse* worst
"""
RISING = """
    accelerated advanc* climb* doubl* expand* expans* grew grow grown growing grows growth higher highest increas*
    jump* leap* lift* raise raised raises raising rise risen rises rising rose soar* spik* surg* swell* tripl* up
    upped upward* upwards widen*
"""
FALLING = """
    contracted contracting cut cuts cutting declin* decreas* dip dipped dips down downward* drop* eased eases easing
    ebb* fall fallen falling falls fell less lower lowered lowers lowest narrow* plung* plummet* reduc* retreat*
    shrank shrink* sank sink* sinking skid* slash* slid slide slides slip* slump* tumbl* trim*
"""
BURDENS = """
    loss losses cost costs debt debts deficit* expens* unemployment inflation liabilit* burden* outflow* churn tax
    taxes tariff* claims charges writedown* write-down*
"""
NEGATIONS = frozenset(
    (
        "not",
        "no",
        "never",
        "without",
        "cannot",
        "neither",
        "nor",
        "none",
        "hardly",
        "lack",
        "lacks",
        "lacking",
        "lacked",
    )
) | {"n't"}

#: How far a negation reaches forward, and a burden to either side, in words.
NEGATION_REACH = 3
BURDEN_REACH = 4

_WORD = re.compile(r"n't\b|[a-z]+(?:-[a-z]+)*?(?=n't\b)|[a-z]+(?:-[a-z]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone:
    """What was found in a text. value: -1 to 1; words: those that counted, each with a sign before it."""

    value: float
    words: tuple[str, ...]


def tone(text: str) -> Tone:
    """The tone of a headline or a sentence."""
    words = _WORD.findall(text.lower().replace("’", "'"))
    kinds = [_kind(word) for word in words]
    found = [(word, sign) for i, word in enumerate(words) if (sign := _sign(i, words, kinds))]
    good = sum(sign > 0 for _, sign in found)
    bad = len(found) - good
    value = (good - bad) / len(found) if found else 0.0
    return Tone(value=value, words=tuple(f"{'+' if sign > 0 else '-'}{word}" for word, sign in found))


def _sign(i: int, words: Sequence[str], kinds: Sequence[str]) -> int:
    """What the word counts for in its place: 1, -1 or 0."""
    kind = kinds[i]
    if not kind:
        return 0
    near = range(max(i - BURDEN_REACH, 0), min(i + BURDEN_REACH + 1, len(kinds)))
    if kind == "burden":
        # What moves it says it all.
        if any(kinds[j] in {"rising", "falling"} for j in near):
            return 0
        sign = -1
    elif kind in {"rising", "falling"}:
        sign = 1 if kind == "rising" else -1
        if any(kinds[j] == "burden" for j in near):
            sign = -sign
    else:
        sign = 1 if kind == "good" else -1
    negated = any(word in NEGATIONS for word in words[max(i - NEGATION_REACH, 0) : i])
    return -sign if negated else sign


@cache
def _lists() -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """Whole words with their kind, and beginnings with theirs, the longest first."""
    whole: dict[str, str] = {}
    begins: dict[str, str] = {}
    for kind, text in (
        ("good", GOOD),
        ("bad", BAD),
        ("rising", RISING),
        ("falling", FALLING),
        ("burden", BURDENS),
    ):
        for word in text.split():
            if word.endswith("*"):
                begins[word[:-1]] = kind
            else:
                whole[word] = kind
    return whole, tuple(sorted(begins.items(), key=lambda pair: (-len(pair[0]), pair[0])))


@cache
def _kind(word: str) -> str:
    """The list that a word is on; empty for none."""
    whole, begins = _lists()
    return whole.get(word) or next((kind for start, kind in begins if word.startswith(start)), "")
