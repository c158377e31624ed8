"""Strategies on the command line: what there is, what one does, what can be composed, and what is worth proposing."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bursar.desk.options import RESEARCH, AsJson, ConfigFile, cipher_of, console, said, settings_of
from bursar.errors import InputError

if TYPE_CHECKING:
    from datetime import date

    from rich.table import Table

    from bursar.config import Settings
    from bursar.research.generate.offer import Offer
    from bursar.research.templates import Template
    from bursar.runtime.offers import Morning

Day = Annotated[
    str | None, typer.Option("--date", metavar="DAY", help="Morning to look from.  [dim]the first day of the demo[/]")
]
World = Annotated[
    str | None,
    typer.Option("--world", metavar="NAME", help="Where facts come from: sample, bokeh, synthetic, an import."),
]
Cash = Annotated[str | None, typer.Option("--cash", metavar="AMOUNT", help="Cash of the account.  [dim]100000[/]")]
Top = Annotated[int, typer.Option("--top", metavar="N", help="How many are shown whole.")]
SIMULATED = "SYNTHETIC MARKET: nothing in it ever happened, and its companies do not exist"


def add(app: typer.Typer) -> None:
    """Hang the commands on ``app``."""
    strategies = typer.Typer(
        name="strategies",
        help="Strategies: list and show them, compose new ones, and rank what they would propose today.",
        no_args_is_help=True,
        rich_markup_mode="rich",
    )
    strategies.command("list")(list_all)
    strategies.command("show")(show)
    strategies.command("generate")(generate)
    strategies.command("rank")(ranked)
    app.add_typer(strategies, rich_help_panel=RESEARCH)


def list_all(
    day: Day = None, world: World = None, cash: Cash = None, json: AsJson = False, config: ConfigFile = None
) -> None:
    """List every template, and whether these facts support it.

    bursar strategies list
    bursar strategies list --world synthetic --json
    """
    from bursar.desk import tables
    from bursar.research.templates import shipped
    from bursar.runtime.offers import stance

    ready = _ready(config, day, world, cash)
    rows = [(template, stance(template, ready)) for template in shipped().values()]
    if json:
        _print([{**_brief(template), "here": said_here} for template, said_here in rows])
        return
    table = tables.table(f"Strategies on {ready.source.title}, {ready.ground.session.day}", "name", "kind", "decides")
    for name in ("positions", "confidence", "risk"):
        table.add_column(name, justify="right")
    table.add_column("here")
    for template, here in rows:
        table.add_row(
            template.name,
            template.kind,
            template.rhythm.value,
            "all" if template.size.positions >= 1000 else str(template.size.positions),
            f"{template.confidence_min:g}" if template.confidence_min else "-",
            f"{template.size.risk:.1%}" if template.size.by.value == "risk" else "-",
            here,
        )
    _out(ready, table)
    console().print("[dim]Read one: bursar strategies show momentum. Rank what they propose: bursar strategies rank[/]")


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A strategy, or a template's file ending in .toml.")],
    journal: Annotated[
        Path | None,
        typer.Option("--journal", metavar="FILE", help="Where it was traded.  [dim]the journals of all accounts[/]"),
    ] = None,
    json: AsJson = False,
) -> None:
    """Print a template in words, with its version; and what it did in your accounts beside what it was promised with.

    bursar strategies show mean_reversion
    bursar strategies show my_idea.toml --json
    """
    from bursar.config import home
    from bursar.desk.track import track, track_json, track_lines
    from bursar.research.templates import digest, template
    from bursar.research.templates.reading import document
    from bursar.research.templates.words import words

    found = template(name)
    lived = track(home(), found.name, None if journal is None else (journal,), cipher_of())
    if json:
        _print({"version": digest(found), **document(found), "words": list(words(found)), **track_json(lived)})
        return
    out = console()
    out.print(f"[bold]{found.name}[/]  [dim]{found.kind}, version {digest(found)}[/]", highlight=False)
    out.print(found.about, highlight=False, markup=False)
    out.print()
    for sentence in words(found):
        out.print(f"  {sentence}", highlight=False, markup=False)
    out.print()
    out.print(f"Needs {', '.join(sorted(found.needs))}. Source: {found.source}.", highlight=False, markup=False)
    out.print()
    for line in track_lines(lived):
        out.print(f"  {line}", highlight=False, markup=False)


def generate(
    day: Day = None,
    world: World = None,
    cash: Cash = None,
    top: Top = 3,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Compose signals into candidate strategies, and rank what each would propose today.

    The more candidates, the better the best of them looks by chance; how many were tried stands beside it.

      bursar strategies generate
      bursar strategies generate --world synthetic --top 5
    """
    from bursar.research.generate.compose import compose
    from bursar.runtime.offers import FIELDS

    ready = _ready(config, day, world, cash)
    templates = compose(set(FIELDS) - set(ready.ground.facts))
    _rank(ready, templates, top, json=json, trials=len(templates))


def ranked(
    day: Day = None,
    world: World = None,
    cash: Cash = None,
    top: Top = 3,
    json: AsJson = False,
    config: ConfigFile = None,
) -> None:
    """Rank what every template would propose today, by expected return after costs for its risk.

    Each is sized for the best Sharpe ratio within limits of correlation, sector and position, held to the contract,
    tried at the gate of an account that holds cash alone, and says what keeps it from being offered.

      bursar strategies rank
      bursar strategies rank --date 2020-03-16 --cash 25000
      bursar strategies rank --world synthetic --json
    """
    from bursar.research.templates import shipped

    ready = _ready(config, day, world, cash)
    templates = tuple(each for each in shipped().values() if not each.baseline)
    _rank(ready, templates, top, json=json, trials=None)


# ---------------------------------------------------------------- how it is done


def _ready(config: Any, day: str | None, world: str | None, cash: str | None) -> Morning:
    from bursar.config import home
    from bursar.runtime.offers import morning

    given = said(
        ("demo.first_day", "--date", day), ("market.source", "--world", world), ("account.initial_cash", "--cash", cash)
    )
    settings: Settings = settings_of(config, given)
    first: date = settings.demo.first_day
    with console(stderr=True).status("asking the analysts"):
        return morning(settings, home(), first)


def _rank(ready: Morning, templates: tuple[Template, ...], top: int, *, json: bool, trials: int | None) -> None:
    from bursar.desk.progress import waiting
    from bursar.runtime.offers import offers, pooled

    if top < 0:
        raise InputError(f"--top is {top}; give 0 or more")
    with waiting("replaying records", console(stderr=True)) as told:
        made = offers(templates, ready, told=told)
    together = pooled(made)
    if json:
        _print(
            {
                "day": ready.ground.session.day.isoformat(),
                "source": ready.source.title,
                "simulated": ready.source.simulated,
                "universe": ready.source.origin,
                "trials": trials,
                "offers": [_plain(offer) for offer in made],
                "together": [{"symbol": p.symbol, "chance": p.chance, "voices": list(p.voices)} for p in together],
            }
        )
        return
    _out(ready, _table(ready, made))
    for offer in [each for each in made if each.proposal is not None][:top]:
        _whole(offer, ready)
    if trials:
        console().print(f"[dim]{trials} candidates were tried: the best of so many looks good by chance alone.[/]")
    console().print(
        f"[dim]{ready.source.origin}. Records are replays at the next close, after costs; none is a promise of what "
        "comes.[/]",
        soft_wrap=True,
    )


def _table(ready: Morning, made: tuple[Offer, ...]) -> Table:
    from bursar.desk import tables

    table = tables.table(f"What would be proposed on {ready.ground.session.day}, {ready.source.title}", "strategy")
    for name in ("score", "expects", "chance", "risk", "legs", "periods", "above all"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("offered")
    for offer in made:
        record, held = offer.record, offer.record.held > 0
        why = "yes" if offer.offered else next(iter((*offer.breaches, *offer.refusals)), "")
        table.add_row(
            offer.template.name,
            _number(offer.score, "{:.2f}"),
            _number(offer.expected_return if held else math.nan, "{:+.2%}"),
            _number(record.chance, "{:.0%}"),
            _number(offer.sized.risk if offer.sized else math.nan, "{:.1%}"),
            str(len(offer.proposal.legs)) if offer.proposal else "-",
            str(record.held) if held else "-",
            f"{record.excess:+.2%} ± {record.excess_error:.2%}" if held else "-",
            why,
            style=None if offer.offered else "dim",
        )
    return table


def _whole(offer: Offer, ready: Morning) -> None:
    proposal, out = offer.proposal, console()
    assert proposal is not None, "only offers with a proposal are shown whole"
    out.print()
    out.print(f"[bold]{offer.template.name}[/]  [dim]{proposal.proposal_id}[/]", highlight=False)
    for reason in proposal.reasons:
        out.print(f"  {reason}", highlight=False, markup=False)
    if offer.sized:
        out.print(f"  sized for {offer.sized.method}; risk {offer.sized.risk:.1%} of equity", highlight=False)
    for symbol, why in offer.left_out.items():
        out.print(f"  without {symbol}: {why}", highlight=False, markup=False)
    known = math.isfinite(offer.capacity)
    capacity = f"up to {offer.capacity:,.0f} {ready.account.base_currency}" if known else "not known without volume"
    out.print(f"  capacity {capacity}", highlight=False)
    for why in (*offer.breaches, *offer.refusals):
        out.print(f"  [yellow]not offered:[/] {why}", highlight=False)
    for step in offer.steps:
        until = f" to {step.until:%H:%M}" if step.until else ""
        out.print(f"  [dim]{step.at:%Y-%m-%d %H:%M:%S}{until} UTC[/]  {step.what}", highlight=False)


def _out(ready: Morning, table: Table) -> None:
    if ready.source.simulated:
        console().print(f"  [bold yellow]{SIMULATED}.[/]")
    console().print(table)


def _number(value: float, shown: str) -> str:
    return shown.format(value) if math.isfinite(value) else "-"


def _brief(template: Template) -> dict[str, Any]:
    from bursar.research.templates import digest

    return {
        "name": template.name,
        "kind": template.kind,
        "version": digest(template),
        "about": template.about,
        "rhythm": template.rhythm.value,
        "positions": template.size.positions,
        "confidence_min": template.confidence_min,
        "risk": template.size.risk,
        "needs": sorted(template.needs),
        "baseline": template.baseline,
    }


def _plain(offer: Offer) -> dict[str, Any]:
    record, proposal = offer.record, offer.proposal
    return {
        **_brief(offer.template),
        "offered": offer.offered,
        "score": _known(offer.score),
        "expected_return_pct": _known(offer.expected_return * 100.0),
        "chance": _known(record.chance),
        "risk": _known(offer.sized.risk if offer.sized else math.nan),
        "capacity": _known(offer.capacity),
        "impact": _known(offer.impact),
        "record": {
            "periods": record.periods,
            "held": record.held,
            "excess_pct": _known(record.excess * 100.0),
            "excess_error_pct": _known(record.excess_error * 100.0),
            "worst_pct": _known(record.worst * 100.0),
            "why_not": record.why_not,
        },
        "not_offered": [*offer.breaches, *offer.refusals],
        "left_out": dict(offer.left_out),
        "proposal": None
        if proposal is None
        else {
            "proposal": proposal.proposal_id,
            "reasons": list(proposal.reasons),
            "expires_at": proposal.expires_at.isoformat(),
            "legs": [
                {
                    "symbol": leg.symbol,
                    "side": leg.side.value,
                    "quantity": str(leg.quantity),
                    "price": str(leg.price),
                    "reason": leg.reason,
                }
                for leg in proposal.legs
            ],
        },
        "timeline": [
            {"at": step.at.isoformat(), "until": step.until.isoformat() if step.until else None, "what": step.what}
            for step in offer.steps
        ],
    }


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _print(document: object) -> None:
    from json import dumps

    typer.echo(dumps(document, indent=2))
