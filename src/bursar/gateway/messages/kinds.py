"""How one value is written as text, and what the text of old and new clients means.

Each kind is declared once, as an annotation: ``price: Number`` is a Decimal for Python and decimal digits on
the wire. "Unset" has four spellings (nothing, two numbers of Java, and ``Infinite`` where it is meant); each is
read as None wherever a value may be missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo

#: What Java writes for a double, and for an int, that was never set.
UNSET_NUMBER = "1.7976931348623157E308"
UNSET_WHOLE = "2147483647"
#: The zone that times of day are shown in; in TWS it is chosen at log-in. New York's name there is this.
ZONE = ZoneInfo("US/Eastern")

#: From this version on sizes may have decimals; older clients stop at the first that has.
DECIMAL_SIZES = 164
#: From this version on a time of day names its zone.
ZONED_TIMES = 174

#: Beyond this no number of the protocol goes; what is longer is not a number but an attack on the parser.
_NUMBER_LENGTH_MAX = 40
_UNSET_FROM = Decimal("1E300")

Write = Callable[[Any], str]
Read = Callable[[str], Any]

#: An order is a hundred fields that say nothing, 0 or 1: what such a text means is worked out once.
_remembered = lru_cache(maxsize=1024)


@dataclass(frozen=True, slots=True)
class Kind:
    """One way of writing a value. ``expected`` says in words what may be read."""

    name: str
    expected: str
    writer: Callable[[int], Write]
    reader: Callable[[int], Read]


def _plain(name: str, expected: str, write: Write, read: Read) -> Kind:
    """A kind that is the same in all versions."""
    return Kind(name, expected, lambda _version: write, lambda _version: read)


# ---------------------------------------------------------------- numbers


def number_text(value: Decimal) -> str:
    """Decimal digits, never an exponent: 1E+2 is 100. Infinity has a word of its own."""
    text = str(value)
    if "E" in text or "I" in text:
        return "Infinite" if value.is_infinite() else format(value, "f")
    return text


@_remembered
def _whole(text: str) -> int:
    if len(text) > _NUMBER_LENGTH_MAX or not text.isascii() or "_" in text:
        raise ValueError("not a whole number")
    return int(text or 0)


@_remembered
def _maybe_whole(text: str) -> int | None:
    return None if text in ("", UNSET_WHOLE) or _is_unset(text) else _whole(text)


@_remembered
def _number(text: str) -> Decimal:
    if len(text) > _NUMBER_LENGTH_MAX or not text.isascii() or "_" in text:
        raise ValueError("not a number")
    value = Decimal("Infinity" if text == "Infinite" else text or "0")
    if value.is_nan() or (value.is_finite() and abs(value.adjusted()) > _NUMBER_LENGTH_MAX):
        raise ValueError("not a number that the protocol has")
    return value


@_remembered
def _maybe_number(text: str) -> Decimal | None:
    return None if not text or _is_unset(text) else _number(text)


def _is_unset(text: str) -> bool:
    """True for Java's largest double, in any of its spellings (ibapi 9.81 writes it in lower case)."""
    return text[:7] == "1.79769" and len(text) <= _NUMBER_LENGTH_MAX and Decimal(text) > _UNSET_FROM


def _size_writer(version: int) -> Write:
    return number_text if version >= DECIMAL_SIZES else lambda value: str(int(value))


# ---------------------------------------------------------------- yes or no, and text


@_remembered
def _flag(text: str) -> bool:
    if text in ("1", "true", "True"):
        return True
    if text in ("0", "", "false", "False"):
        return False
    raise ValueError("not a flag")


def as_it_is(value: str) -> str:
    """Text is not rewritten; ``codec.encode`` sees to it that it does not end a field."""
    return value


def _escape(value: str) -> str:
    """Backslash escapes for what is not ASCII: both clients undo them in names."""
    return value.encode("unicode-escape").decode()


def _unescape(text: str) -> str:
    return text.encode().decode("unicode-escape")


# ---------------------------------------------------------------- times


def _moment_writer(version: int) -> Write:
    shape = "%Y%m%d %H:%M:%S US/Eastern" if version >= ZONED_TIMES else "%Y%m%d  %H:%M:%S"
    return lambda value: value.astimezone(ZONE).strftime(shape)


def moment_of(text: str) -> datetime:
    """A time of day with or without its zone, which is New York's where it is missing; ValueError for another.

    With a dash between date and time it is in UTC.
    """
    if "-" in text:
        return datetime.strptime(text, "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    day, _, rest = text.partition(" ")
    time, _, zone = rest.strip().partition(" ")
    naive = datetime.strptime(f"{day} {time}", "%Y%m%d %H:%M:%S")  # noqa: DTZ007 - the zone follows in the next line
    return naive.replace(tzinfo=_zone(zone)).astimezone(UTC)


def _zone(name: str) -> ZoneInfo:
    if name not in ("", "US/Eastern", "America/New_York", "EST", "EDT"):
        raise ValueError("not a zone that is spoken here")
    return ZONE


def _bar_time_writer(version: int) -> Write:
    moment = _moment_writer(version)

    def write(value: date | int) -> str:
        if isinstance(value, int):
            return str(value)
        return moment(value) if isinstance(value, datetime) else value.strftime("%Y%m%d")

    return write


def _bar_time(text: str) -> date | int:
    if len(text) == 8 and text.isdigit():
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    return int(text) if text.isdigit() and len(text) <= _NUMBER_LENGTH_MAX else moment_of(text)


def _epoch(text: str) -> datetime:
    seconds = _whole(text)
    if not 0 <= seconds < 1 << 37:
        raise ValueError("not a time since 1970")
    return datetime.fromtimestamp(seconds, UTC)


# ---------------------------------------------------------------- the annotations

_WHOLE_WORDS = "a whole number"
_NUMBER_WORDS = "a number"

#: A whole number; nothing is read as 0.
Whole = Annotated[int, _plain("whole", _WHOLE_WORDS, str, _whole)]
#: A whole number, or None, which is written as nothing.
MaybeWhole = Annotated[
    int | None,
    _plain("maybe whole", _WHOLE_WORDS, lambda value: "" if value is None else str(value), _maybe_whole),
]
#: A decimal number; nothing is read as 0.
Number = Annotated[Decimal, _plain("number", _NUMBER_WORDS, number_text, _number)]
#: A decimal number, or None, which is written as nothing.
MaybeNumber = Annotated[
    Decimal | None,
    _plain("maybe number", _NUMBER_WORDS, lambda value: "" if value is None else number_text(value), _maybe_number),
]
#: A decimal number, or None, which is written as Java's largest double.
UnsetNumber = Annotated[
    Decimal | None,
    _plain("unset", _NUMBER_WORDS, lambda value: UNSET_NUMBER if value is None else number_text(value), _maybe_number),
]
#: A quantity of a tick or bar: whole numbers only, rounded down, for clients before DECIMAL_SIZES.
Size = Annotated[Decimal, Kind("size", _NUMBER_WORDS, _size_writer, lambda _version: _number)]
#: Yes or no, as 1 and 0.
Flag = Annotated[bool, _plain("flag", "0 or 1", lambda value: "1" if value else "0", _flag)]
#: Yes or no, or None, which is written as nothing.
MaybeFlag = Annotated[
    bool | None,
    _plain(
        "maybe flag",
        "0 or 1",
        lambda value: "" if value is None else "1" if value else "0",
        lambda text: _flag(text) if text else None,
    ),
]
#: Text as it is.
Text = Annotated[str, _plain("text", "text", as_it_is, str)]
#: A name, whose letters beyond ASCII are escaped with backslashes.
Name = Annotated[str, _plain("name", "text", _escape, _unescape)]
#: A moment, as date and time of day in TWS's zone, which clients since ZONED_TIMES are told.
Moment = Annotated[datetime, Kind("moment", "a date and a time of day", _moment_writer, lambda _version: moment_of)]
#: When a bar began: a day, a moment, or seconds since 1970, whichever the client asked for.
BarTime = Annotated[date | int, Kind("bar time", "a day or a moment", _bar_time_writer, lambda _version: _bar_time)]
#: A moment, as seconds since 1970.
Epoch = Annotated[datetime, _plain("epoch", "seconds since 1970", lambda value: str(int(value.timestamp())), _epoch)]
