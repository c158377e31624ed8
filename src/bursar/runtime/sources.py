"""Every source of facts, on one list: what each has and lacks, what it needs, and whether it is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bursar.adapters.history import read_manifest
from bursar.adapters.vendors import Source, bokeh, wheels
from bursar.adapters.vendors.financial_datasets import OFFER as FINANCIAL_DATASETS
from bursar.adapters.vendors.ibkr import OFFER as IBKR
from bursar.adapters.vendors.listings import WATCHLISTS
from bursar.adapters.vendors.providers import Offer
from bursar.adapters.vendors.yahoo import OFFER as YAHOO
from bursar.config import Settings
from bursar.domain.venues import HOME
from bursar.errors import InputError
from bursar.runtime.intake import EDGAR, FEED
from bursar.runtime.library import SYNTHETIC_FIRST, SYNTHETIC_LAST, SYNTHETIC_SYMBOLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One source for people. kind: "ships", "imported" or "asked"; here: whether it can be used as things are."""

    name: str
    title: str
    kind: str
    has: tuple[str, ...]
    lacks: tuple[str, ...]
    note: str
    here: bool
    simulated: bool = False


def every_source(settings: Settings, home: Path) -> tuple[Shown, ...]:
    """What ships, what was imported, and who can be asked, in this order."""
    return (*_shipped(), *_imported(home), *_asked(settings))


def _shipped() -> Iterator[Shown]:
    yield _from(wheels.STOCKS, "sample", find_spec("skfolio") is not None)
    yield _from(bokeh.SOURCE, "bokeh", find_spec("bokeh_sampledata") is not None)
    yield Shown(
        name="synthetic",
        title="synthetic market",
        kind="ships",
        has=("everything below", "statements", "news", "implied_volatility", "days_to_report", "market_cap"),
        lacks=("social", "anything that happened"),
        note=f"SYNTHETIC: {SYNTHETIC_SYMBOLS} companies that do not exist, {SYNTHETIC_FIRST} to {SYNTHETIC_LAST}",
        here=True,
        simulated=True,
    )


def _imported(home: Path) -> Iterator[Shown]:
    ours = {wheels.STOCKS.name, wheels.INDEX.name, bokeh.SOURCE.name}
    for path in sorted((home / "data").glob("*/manifest.json")):
        name = path.parent.name
        if name in ours:
            continue
        try:
            manifest = read_manifest(path.parent)
        except InputError as error:
            yield Shown(name=name, title=name, kind="imported", has=(), lacks=(), note=str(error), here=False)
            continue
        if manifest.about is None:
            note = "written by an earlier Bursar; import it again"
            yield Shown(name=name, title=name, kind="imported", has=(), lacks=(), note=note, here=False)
        else:
            yield _from(manifest.about, name, True, kind="imported")


def _from(source: Source, name: str, here: bool, kind: str = "ships") -> Shown:  # read beside its name
    survivors = "; chosen looking back" if source.survivors else ""
    listed = "" if source.exchange == HOME else f"; {source.exchange} in {source.currency}"
    return Shown(
        name=name,
        title=source.title,
        kind=kind,
        has=tuple(sorted(source.fields)),
        lacks=tuple(sorted(source.lacks)),
        note=f"{source.prices.value}, {source.first} to {source.last}{survivors}{listed}",
        here=here,
        simulated=source.simulated,
    )


def _asked(settings: Settings) -> Iterator[Shown]:
    ready = {
        "yfinance": find_spec("yfinance") is not None,
        "financial_datasets": settings.models.financial_datasets_api_key is not None,
        "ibkr": True,
        "edgar": True,
        "rss": True,
    }
    for offer in (IBKR, YAHOO, FINANCIAL_DATASETS, EDGAR, FEED):
        yield _offered(offer, ready[offer.name])


def _offered(offer: Offer, here: bool) -> Shown:  # read beside its offer
    note = ", ".join(part for part in (f"needs {offer.needs}" if offer.needs else "", offer.pace) if part)
    return Shown(
        name=offer.name,
        title=offer.title,
        kind="asked",
        has=tuple(sorted(offer.has)),
        lacks=tuple(sorted(offer.lacks)),
        note=note,
        here=here,
    )


def watchlists() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Name, what it is, and symbols of each list that ships."""
    for each in WATCHLISTS.values():
        yield each.name, f"{each.title}, {each.exchange} in {each.venue.currency}", each.symbols
