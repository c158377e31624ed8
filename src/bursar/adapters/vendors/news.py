"""Headlines from local files: RSS and Atom feeds as they were saved, and tables of comma-separated values.

Nothing is fetched. Text from strangers stays text: it is cut, its spaces are evened out, and nothing in it is
followed, resolved or obeyed; a feed that declares a document type or entities is refused, since no honest feed
needs them and they are how a small file becomes a large one.

    feed   *.xml, *.rss, *.atom: each item with a title and a date. It is about the symbols whose names stand in
           the title as whole words, in the letters' own case ("Apple" is not "apple"), or as a cashtag ($AAPL)
    table  *.csv with the columns known_at, text, symbols (separated by spaces) and source

A time has a zone, or is refused: what an hour is worth depends on it. A day without a time is known from the
midnight, UTC, that ends it. Dates in tables are ISO 8601 and nothing else, since 03/04 has two meanings; a
publisher's own date is believed, so a feed that was saved later may claim too early a time.

Sources: RSS 2.0 specification (2009); RFC 4287 (Atom); RFC 5322 for dates in RSS.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from bursar.adapters.memory import MemoryNews
from bursar.errors import DataError, InputError
from bursar.ports import Headline

FEEDS = frozenset({".xml", ".rss", ".atom"})
COLUMNS = ("known_at", "text", "symbols", "source")
SIZE_MAX = 16 * 2**20
TEXT_MAX = 500

_ATOM = "{http://www.w3.org/2005/Atom}"


def folder_news(folder: Path, names: Mapping[str, Sequence[str]]) -> MemoryNews:
    """All headlines of a folder's feeds and tables, as ``ports.News``. names: of each symbol, as titles write them.

    Raises InputError where there is no such folder, DataError for a file that cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}; give the one that holds the saved headlines")
    headlines: list[Headline] = []
    for path in sorted(folder.iterdir()):
        if path.suffix in FEEDS:
            headlines += read_feed(path, names)
        elif path.suffix == ".csv":
            headlines += read_table(path)
    return MemoryNews(headlines)


def read_feed(path: Path, names: Mapping[str, Sequence[str]]) -> tuple[Headline, ...]:
    """The items of an RSS or Atom feed that are about one of ``names``, in the feed's order."""
    content = _content(path)
    # The declaration is ASCII in every encoding that a feed comes in, but for the wide ones, where NULs part it.
    if re.search(rb"<!\s*(DOCTYPE|ENTITY)", content.replace(b"\0", b""), re.IGNORECASE):
        raise DataError(f"{path.name} declares a document type, which no feed needs; it is not read")
    try:
        root = ET.fromstring(content)  # noqa: S314  # entities are refused above, and nothing else can grow
    except (ET.ParseError, ValueError, LookupError) as error:
        raise DataError(f"{path.name} is no feed: {error}; save it again") from error
    source = plain(root.findtext("channel/title") or root.findtext(f"{_ATOM}title") or path.stem)
    finders = {symbol: _finder(symbol, known) for symbol, known in sorted(names.items())}
    found = []
    for number, (title, said) in enumerate(_items(root), 1):
        symbols = tuple(symbol for symbol, finder in finders.items() if finder.search(title))
        if symbols:
            known_at = _published(said, f"item {number} of {path.name}")
            found.append(Headline(symbols=symbols, text=title, source=source, known_at=known_at))
    return tuple(found)


def read_table(path: Path) -> tuple[Headline, ...]:
    """The rows of a table, in its order."""
    try:
        text = _content(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name} is not in UTF-8: {error}; save it again") from error
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
        if missing:
            raise DataError(f"{path.name} lacks {', '.join(missing)}; its first line names {', '.join(COLUMNS)}")
        return tuple(_row(row, f"line {rows.line_num} of {path.name}") for row in rows)
    except csv.Error as error:
        raise DataError(f"{path.name} has no row after line {rows.line_num}: {error}") from error


def plain(text: str) -> str:
    """One line of printable text, cut."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:TEXT_MAX]


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > SIZE_MAX:
            raise DataError(
                f"{path.name} has {path.stat().st_size:,} bytes; a file of headlines has at most {SIZE_MAX:,}"
            )
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error}") from error


def _items(root: ET.Element) -> Iterator[tuple[str, str]]:
    """Title and date of each item; an item that lacks one has nothing to say, or no time at which it was said."""
    for item in root.iter("item"):
        yield plain(item.findtext("title") or ""), (item.findtext("pubDate") or "").strip()
    for entry in root.iter(f"{_ATOM}entry"):
        said = entry.findtext(f"{_ATOM}published") or entry.findtext(f"{_ATOM}updated") or ""
        yield plain(entry.findtext(f"{_ATOM}title") or ""), said.strip()


def _finder(symbol: str, known: Iterable[str]) -> re.Pattern[str]:
    names = [rf"\b{re.escape(name)}\b" for name in known if name]
    return re.compile("|".join([rf"\${re.escape(symbol)}\b", *names]))


def _published(said: str, where: str) -> datetime:
    """A date as RSS writes it, or as Atom does."""
    try:
        at = parsedate_to_datetime(said)
    except (TypeError, ValueError):
        return _instant(said, where)
    return _in_utc(at, said, where)


def _instant(said: str, where: str) -> datetime:
    """An ISO 8601 time with its zone, or a day."""
    try:
        if len(said) == len("2022-01-03"):
            return datetime.combine(date.fromisoformat(said) + timedelta(days=1), time(), UTC)
        at = datetime.fromisoformat(said)
    except (ValueError, OverflowError) as error:
        raise DataError(f"{where} is dated {said!r}; write it as 2022-01-03T14:30:00Z") from error
    return _in_utc(at, said, where)


def _in_utc(at: datetime, said: str, where: str) -> datetime:
    if at.tzinfo is None:
        raise DataError(f"{where} is dated {said!r}, without a zone; write it as 2022-01-03T14:30:00Z")
    return at.astimezone(UTC)


def _row(row: Mapping[str, str | None], where: str) -> Headline:
    known_at, text, symbols, source = ((row[column] or "").strip() for column in COLUMNS)
    if not text or not symbols.split():
        raise DataError(f"{where} has no {'symbols' if text else 'text'}")
    return Headline(
        symbols=tuple(dict.fromkeys(symbols.split())),
        text=plain(text),
        source=plain(source),
        known_at=_instant(known_at, where),
    )
