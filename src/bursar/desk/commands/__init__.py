"""The commands of the rooms. Each file here has a function ``add(app)`` that hangs its commands on the command line."""

from __future__ import annotations

from collections.abc import Callable

import typer

from bursar.desk.commands import (
    account,
    backtest,
    belief,
    books,
    data,
    orders,
    people,
    proposals,
    research,
    risk,
    run,
    setup,
    stop,
    strategies,
)

#: One function a file, in the order of the help.
ADDERS: tuple[Callable[[typer.Typer], None], ...] = (
    account.add,
    research.add,
    strategies.add,
    backtest.add,
    belief.add,
    books.add,
    risk.add,
    data.add,
    proposals.add,
    orders.add,
    stop.add,
    setup.add,
    people.add,
    run.add,
)
