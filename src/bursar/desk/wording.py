"""How figures are written for people: one place, so that page and terminal say the same.

A minus is a true minus sign, and what could not be told is a dash.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EM DASH}"

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def money(amount: Decimal | None, currency: str = "USD", *, signed: bool = False) -> str:
    """``$1,234.50``, or ``AUD 1,234.50`` for a currency without a sign of its own; whole yen."""
    if amount is None:
        return NOTHING
    places = 0 if currency == "JPY" else 2
    shown = f"{abs(amount):,.{places}f}"
    return f"{_sign(amount, signed) if shown.strip('0.') else ''}{_unit(currency)}{shown}"


def price(amount: Decimal | None, currency: str = "USD") -> str:
    """A price a share: at least whole cents, and as many as four decimals where it has them."""
    if amount is None:
        return NOTHING
    digits = format(amount.quantize(Decimal("0.0001")), "f").rstrip("0")
    places = max(2, len(digits.partition(".")[2]))
    return f"{_sign(amount, False)}{_unit(currency)}{abs(amount):,.{places}f}"


def number(amount: Decimal | float, places: int = 2, *, signed: bool = False) -> str:
    """A plain number with thousands apart."""
    return f"{_sign(amount, signed)}{abs(amount):,.{places}f}"


def quantity(shares: Decimal) -> str:
    """Shares: whole ones without decimals, fractions as far as they go."""
    digits = format(shares.normalize(), "f")
    whole, _, rest = digits.lstrip("-").partition(".")
    return f"{MINUS if shares < 0 else ''}{int(whole):,}" + (f".{rest}" if rest else "")


def percent(fraction: Decimal | float | None, places: int = 1, *, signed: bool = False) -> str:
    """A fraction as percent."""
    return NOTHING if fraction is None else f"{number(100 * fraction, places, signed=signed)}\N{NO-BREAK SPACE}%"


def points(value: float | None, places: int = 2, *, signed: bool = False) -> str:
    """A figure that is percent already."""
    return NOTHING if value is None else percent(value / 100, places, signed=signed)


def ratio(value: float | None, places: int = 2) -> str:
    """A bare ratio, such as Sharpe's."""
    return NOTHING if value is None else number(value, places)


def day(when: date) -> str:
    """``Mon 3 Jan 2022``, in English whatever the machine's language."""
    return f"{_DAYS[when.weekday()]} {short_day(when)} {when.year}"


def short_day(when: date) -> str:
    """``3 Jan``, never broken over two lines."""
    return f"{when.day}\N{NO-BREAK SPACE}{_MONTHS[when.month - 1]}"


def span(first: date, last: date) -> str:
    """``3 Jan to 31 Jan 2022``."""
    if first == last:
        return f"{short_day(first)} {first.year}"
    year = "" if first.year == last.year else f" {first.year}"
    return f"{short_day(first)}{year} to {short_day(last)} {last.year}"


def count(how_many: int, noun: str, plural: str = "") -> str:
    """``no orders``, ``1 order``, ``12 orders``."""
    word = noun if how_many == 1 else plural or f"{noun}s"
    return f"{how_many or 'no'} {word}"


def spelled(how_many: int) -> str:
    """``twelve`` up to there, ``13`` and so on in figures."""
    return _UNITS[how_many] if 0 <= how_many < len(_UNITS) else f"{how_many:,}"


def several(things: tuple[str, ...]) -> str:
    """``A, B and C``."""
    if len(things) < 2:
        return "".join(things)
    return f"{', '.join(things[:-1])} and {things[-1]}"


def _unit(currency: str) -> str:
    return _SIGNS.get(currency, f"{currency}\N{NO-BREAK SPACE}")


def _sign(amount: Decimal | float, signed: bool) -> str:
    if amount < 0:
        return MINUS
    return "+" if signed and amount > 0 else ""
