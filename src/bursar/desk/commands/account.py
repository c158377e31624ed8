"""An account of IBKR's, or of our own gateway: look at it, rehearse its next decision, and trade it."""

from __future__ import annotations

from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bursar.desk.options import (
    LOOKING,
    TRADING,
    AsJson,
    ConfigFile,
    ask,
    cipher_of,
    console,
    meant,
    records,
    settings_of,
)
from bursar.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bursar.adapters.journal import SQLiteJournal
    from bursar.config import Settings
    from bursar.config.accounts import AccountProfile
    from bursar.runtime.account import Account

Every = Annotated[
    float, typer.Option("--every", metavar="SECONDS", min=0, max=60, help="How often the market is looked at.")
]

Named = Annotated[
    str,
    typer.Option("--account", metavar="NAME", help="One of \\[accounts.NAME] in bursar.toml, instead of \\[account]."),
]
Phrase = Annotated[
    str,
    typer.Option(
        "--phrase",
        metavar="TEXT",
        help="With real money: what the door asks you to type; - takes a line of standard input, which no list of "
        "processes shows.",
    ),
]


def add(app: typer.Typer) -> None:
    """Hang the commands on ``app``."""
    app.command(rich_help_panel=LOOKING)(observe)
    app.command(rich_help_panel=LOOKING)(adopt)
    app.command(rich_help_panel=TRADING)(dryrun)
    app.command(rich_help_panel=TRADING)(trade)
    app.command(rich_help_panel=TRADING)(switch)


def observe(account: Named = "main", config: ConfigFile = None, every: Every = 1.0, json: AsJson = False) -> None:
    """Hold the account's positions and cash against Bursar's books, to the share and the cent. Sends nothing.

    The first time, the books begin: cash is booked, and positions that are there are adopted and never
    touched. The exit code is 1 where anything differs.

      bursar observe
      bursar observe --config bursar.toml --json
    """
    import asyncio
    from json import dumps

    from bursar.desk import observing
    from bursar.runtime import account as runs

    with _opened(config, account) as (seen, journal):
        snapshot = asyncio.run(runs.observe(seen, journal, every))
        found = observing.observed(
            snapshot,
            [recorded.event for recorded in journal.read()],
            seen.mandate.base_currency,
            seen.foreign,
            runs.simulated(seen.mandate.account),
        )
    if json:
        typer.echo(dumps(observing.as_plain(found), indent=2))
    else:
        console().print(observing.as_page(found))
    if not found.equal:
        raise typer.Exit(1)


def adopt(
    lots: Annotated[Path, typer.Option("--lots", metavar="FILE", help="CSV of symbol, quantity, acquired, cost.")],
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Say what adopted positions were bought for, lot by lot, in place of the broker's average cost.

    The lots of a symbol must come to what is held; a lot with an empty cost is one of which nobody knows it.
    Nothing is bought or sold. The program takes them at its next look: bursar observe, or bursar trade.

      bursar adopt --lots lots.csv
    """
    from datetime import UTC, datetime
    from json import dumps

    from bursar.config import home
    from bursar.desk import adopting
    from bursar.ledger.book import fold
    from bursar.runtime.account import JOURNAL_NAME, folder_of
    from bursar.trading import adoption

    settings = settings_of(config, {})
    name = settings.account.account_id
    path = folder_of(home(), name) / JOURNAL_NAME
    if not path.is_file():
        raise InputError(f"the books of {name} have not begun; look at it first: bursar observe")
    told, today = adopting.read(lots), datetime.now(UTC).date()
    adoption.check(fold(recorded.event for recorded in records(path, settings)), name, told, today)
    command = ask("adopt", {"lots": adoption.as_text(told)}, settings, account=name)
    unknown = sorted({lot.symbol for lot in told if lot.cost is None})
    if json:
        said = {"command": command.command_id, "account": name, "lots": len(told), "cost_not_known": unknown}
        typer.echo(dumps(said, indent=2))
        return
    console().print(
        f"{len(told)} lots of {len({lot.symbol for lot in told})} positions ({command.command_id}); the program takes "
        f"them at its next look: bursar observe"
        + (f"\nnobody knows what some of these cost: {', '.join(unknown)}" if unknown else ""),
        highlight=False,
        soft_wrap=True,
    )


def dryrun(account: Named = "main", config: ConfigFile = None, every: Every = 1.0, json: AsJson = False) -> None:
    """Show the orders that would be sent at the account's next decision: why, at what cost, within which limits.

    The same strategies and the same gate as in a run, on a copy of its books, with a broker that takes
    nothing. Nothing is sent, whatever the autonomy.

      bursar dryrun
      bursar dryrun --json
    """
    import asyncio
    from json import dumps

    from bursar.desk import dryrun as page
    from bursar.runtime.rehearsal import rehearse

    with _opened(config, account) as (seen, journal):
        found = asyncio.run(rehearse(seen, journal, every))
    if json:
        typer.echo(dumps(page.as_plain(found, seen.settings.market.timezone), indent=2))
    else:
        console().print(page.as_page(found, seen.settings.market.timezone))


def trade(
    account: Named = "main",
    phrase: Phrase = "",
    config: ConfigFile = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="HH:MM", help="Stop then, by the broker's clock and your zone.")
    ] = None,
    every: Every = 1.0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing of what happens.")] = False,
    json: AsJson = False,
) -> None:
    """Run an account of bursar.toml, as far as its autonomy allows, until you interrupt it.

    On observe it watches and sends nothing; on propose and approve decisions wait for bursar tap; on
    automatic they are sent within the limits. Whoever starts it again goes on where it stood. An account
    that another process trades is refused, with who that is. With real money, profile, port and account have
    to agree, and you type the phrase that is asked for.

    What happens is said line by line: decisions, orders, fills, the line, what you asked for. With --json
    each event of the journal is a line.

      bursar trade
      bursar trade --account practice --until 16:30
    """
    import asyncio
    import sys
    from contextlib import closing

    from bursar.config import home
    from bursar.desk.narration import Narrator
    from bursar.desk.serving import BEGUN, DOING
    from bursar.desk.turns import tenures, waits_out
    from bursar.runtime.seats import Table
    from bursar.runtime.shared import inbox

    def sat(seat: Account) -> None:
        name, doing = seat.mandate.account, DOING[seat.settings.strategy.autonomy]
        sys.stderr.write(f"{name} {doing}{BEGUN}, or at once with bursar kill\n")
        sys.stderr.flush()

    def watching(seat: Account) -> tuple[Narrator, ...]:
        zone = seat.settings.market.timezone
        return () if quiet else (Narrator(typer.echo, zone, currency=seat.mandate.base_currency, as_json=json),)

    settings, profiles = _accounts(config)
    with tenures(home(), settings.store) as tenure, closing(inbox(home(), settings.store)) as box:
        table = Table(
            settings=settings,
            home=home(),
            every_seconds=every,
            commands=box,
            tenure=tenure,
            until=until,
            waiting=waits_out,
            sat=sat,
            watching=watching,
        )
        asyncio.run(table.trader(profiles).run(account, _typed(phrase)))


def switch(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="One of \\[accounts.NAME], or main.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for both journals.")] = "",
    phrase: Phrase = "",
    leaving: Annotated[
        str, typer.Option("--from", metavar="NAME", help="The account that is left, where several are traded.")
    ] = "",
    config: ConfigFile = None,
    json: AsJson = False,
) -> None:
    """Trade another account from now on, in the program that runs: bursar trade, or bursar run.

    The program checks the door, the broker, the account and its limits first; what does not agree is refused, and
    nothing changes. What opens in the old account is canceled, what protects stays at work there.

      bursar switch practice --reason "the week is over"
    """
    from json import dumps

    from bursar.runtime.door import admit

    settings, profiles = _accounts(config)
    if account not in profiles:
        raise InputError(f"there is no account {account!r}; bursar.toml names {', '.join(sorted(profiles))}")
    if not reason.strip():
        raise InputError('a change needs a reason: bursar switch ACCOUNT --reason "why"')
    phrase = _typed(phrase)
    admitted = admit(account, profiles[account], phrase)
    said = {"account": account, "reason": reason.strip(), "phrase": phrase}
    command = ask("switch", said, settings, account=meant(leaving, config, flag="--from"))
    if json:
        told = {"command": command.command_id, "account": admitted.account, "mode": admitted.mode.value}
        typer.echo(dumps(told | {"open_orders": settings.account.open_orders}, indent=2))
        return
    rule = {
        "cancel": "what opens in the old account is canceled, what protects stays at work there",
        "refuse": "while an order that opens works in the old account, it is refused",
    }[settings.account.open_orders]
    console().print(
        f"asked to trade {admitted.account} ({admitted.mode}, {command.command_id}): {rule}; the program takes it at "
        "its next look and says in both journals what became of it",
        highlight=False,
        soft_wrap=True,
    )


def _typed(phrase: str) -> str:
    """The phrase, from standard input where - stands for it."""
    import sys

    return sys.stdin.readline().strip() if phrase == "-" else phrase


def _accounts(config: Path | None) -> tuple[Settings, Mapping[str, AccountProfile]]:
    """All settings, and the accounts that they name."""
    from bursar.config.accounts import all_accounts

    settings = settings_of(config, {})
    return settings, all_accounts(settings, config)


@contextmanager
def _opened(config: Path | None, name: str) -> Iterator[tuple[Account, SQLiteJournal]]:
    """An account that is only looked at, and its journal, for this process alone."""
    import asyncio

    from bursar.adapters.journal import SQLiteJournal
    from bursar.config import home
    from bursar.runtime import account as runs
    from bursar.runtime.alone import alone
    from bursar.runtime.door import admit

    base, profiles = _accounts(config)
    if name not in profiles:
        raise InputError(f"there is no account {name!r}; bursar.toml names {', '.join(sorted(profiles))}")
    settings = profiles[name].settings(base)
    place = asyncio.run(runs.find(settings, admit(name, profiles[name], looking=True)))
    account = runs.prepare(settings, home(), place)
    with alone(account.folder, f"another process works on {account.mandate.account}"):
        account.folder.mkdir(parents=True, exist_ok=True)
        with closing(SQLiteJournal(account.folder / runs.JOURNAL_NAME, cipher_of(settings))) as journal:
            yield account, journal
