"""Those who can be asked for facts: what each has and lacks, and whom to ask when one fails.

A provider that times out, refuses, answers nonsense or does not know half of what was asked is not the end: the next
one is asked, and what happened is told. Answers are never mixed: prices adjusted in two ways would make a return of the
seam. So a whole set comes from one provider; where none knows every symbol, from the one that knows most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from bursar.adapters.adjustments import CorporateAction
from bursar.adapters.vendors import PriceKind
from bursar.adapters.vendors.contradictions import between
from bursar.adapters.vendors.quality import Finding, Quality
from bursar.adapters.vendors.tables import AT_HOME, Imported, Listing, Row, assemble
from bursar.errors import BrokerError, DataError, InputError
from bursar.ports import Calendar, Fact, Headline

#: Part of a provider's rows that may be errors before nothing of it is believed.
ERRORS_MAX = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a provider has and lacks, and what it takes to ask it.

    has    of "prices", "actions", "volume", "statements", "news", "earnings_dates", "implied_volatility"
    needs  what must be there first, in words; empty where nothing must
    pace   how often it may be asked, in words
    """

    name: str
    title: str
    has: frozenset[str]
    lacks: frozenset[str]
    needs: str = ""
    pace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Daily prices as a provider gave them. actions: None where it does not say what companies did."""

    prices: PriceKind
    rows: Mapping[str, Sequence[tuple[date, Row]]]
    actions: tuple[CorporateAction, ...] | None = None


class Provider(Protocol):
    """Someone who can be asked. What it does not have raises DataError, as does every failure to get it."""

    @property
    def offer(self) -> Offer: ...

    def prices(self, symbols: Sequence[str], first: date, last: date) -> Delivery:
        """Daily prices of those of ``symbols`` that it knows."""
        ...

    def statements(self, symbols: Sequence[str]) -> tuple[Fact, ...]: ...

    def headlines(self, symbols: Sequence[str], first: date, last: date) -> tuple[Headline, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A provider that was asked, whether its answer was taken, and what there is to say of it."""

    provider: str
    taken: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Prices that came, whom they came from in the end, and how it went."""

    imported: Imported
    provider: str
    attempts: tuple[Attempt, ...]


def fetch_prices(
    providers: Sequence[Provider],
    symbols: Sequence[str],
    first: date,
    last: date,
    calendar: Calendar,
    *,
    name: str | None = None,
    compared: Provider | None = None,
    listing: Listing = AT_HOME,
) -> Fetched:
    """Ask ``providers`` in their order until one knows everything.

    name      under which the prices are kept; by default the provider's
    compared  someone whose prices are held against those that were taken; where they differ, that is a finding
    listing   where the symbols are listed, and in what money everybody tells their prices
    Raises DataError, with everybody's reason, where nobody had anything that could be believed.
    """
    attempts: list[Attempt] = []
    best: tuple[Imported, str] | None = None
    for provider in providers:
        said = provider.offer.name
        try:
            found = _looked_at(provider, symbols, first, last, calendar, name, listing)
        except (DataError, InputError, BrokerError) as error:
            attempts.append(Attempt(provider=said, taken=False, said=str(error)))
            continue
        missing = sorted(set(symbols) - _known(found))
        reason = f"does not know {', '.join(missing)}" if missing else found.quality.summary()
        attempts.append(Attempt(provider=said, taken=not missing, said=reason))
        if best is None or len(_known(found)) > len(_known(best[0])):
            best = found, said
        if not missing:
            break
    if best is None:
        raise DataError("nobody had these prices: " + "; ".join(f"{each.provider}: {each.said}" for each in attempts))
    imported, provider_name = best
    told = tuple(
        Attempt(provider=each.provider, taken=each.provider == provider_name, said=each.said) for each in attempts
    )
    if compared is not None:
        imported, said = _compared(imported, compared, symbols, first, last, calendar, listing)
        told = (*told, Attempt(provider=compared.offer.name, taken=False, said=said))
    return Fetched(imported=imported, provider=provider_name, attempts=told)


def _known(imported: Imported) -> set[str]:
    return set(next(iter(imported.facts.values())).panel.symbols)


def _looked_at(
    provider: Provider,
    symbols: Sequence[str],
    first: date,
    last: date,
    calendar: Calendar,
    name: str | None,
    listing: Listing,
) -> Imported:
    """What a provider delivered, once it is what was asked for and could be true."""
    delivery = provider.prices(symbols, first, last)
    offer = provider.offer
    rows = {symbol: list(_within(each, first, last)) for symbol, each in delivery.rows.items()}
    if strangers := sorted(rows.keys() - set(symbols)):
        raise DataError(f"{offer.title} answered with {', '.join(strangers)}, which nobody asked for")
    rows = {symbol: each for symbol, each in sorted(rows.items()) if each}
    if not rows:
        raise DataError(f"{offer.title} has none of {', '.join(symbols)} from {first} to {last}")
    imported = assemble(
        rows,
        calendar,
        name=name or offer.name,
        title=offer.title,
        prices=delivery.prices,
        origin=f"{len(rows)} symbols that somebody asked {offer.title} for",
        survivors=True,
        made_from={},
        actions=delivery.actions,
        listing=listing,
    )
    errors = len(imported.quality.errors)
    if errors > ERRORS_MAX * imported.quality.rows:
        worst = imported.quality.errors[0]
        raise DataError(
            f"{offer.title} is not believed: {errors} errors in {imported.quality.rows} rows, such as {worst.symbol} "
            f"{worst.first}: {worst.message}"
        )
    return imported


def _within(rows: Sequence[tuple[date, Row]], first: date, last: date) -> Iterator[tuple[date, Row]]:
    return (row for row in rows if first <= row[0] <= last)


def _compared(
    imported: Imported,
    other: Provider,
    symbols: Sequence[str],
    first: date,
    last: date,
    calendar: Calendar,
    listing: Listing,
) -> tuple[Imported, str]:
    """``imported`` with what another provider says otherwise among its findings, and a word on how it went."""
    try:
        second = _looked_at(other, symbols, first, last, calendar, None, listing)
    except (DataError, InputError, BrokerError) as error:
        return imported, f"could not be compared with: {error}"
    found = between(imported, second)
    if not found:
        return imported, "agrees"
    everything: tuple[Finding, ...] = (*imported.quality.findings, *found)
    findings = tuple(sorted(everything, key=lambda each: (each.symbol, each.first, each.trouble)))
    quality = Quality(symbols=imported.quality.symbols, rows=imported.quality.rows, findings=findings)
    changed = Imported(
        source=imported.source, facts=imported.facts, quality=quality, made_from=imported.made_from,
        actions=imported.actions,
    )  # fmt: skip
    return changed, f"contradicts it on {len(found)} days"
