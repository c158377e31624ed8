"""What happens in each failure, for an operator: the scenarios behind docs/failures.md.

Each names the fault that makes it (docs/faults.md), what is to be seen, what Bursar does and what a person does.
``test_failures.py`` plays every one of them; the page is written from here: python scripts/failures.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One failure. line: the state that the line goes through, if it does (see trading/line.py)."""

    fault: str
    happens: str
    bursar: str
    you: str = "nothing"
    line: str = ""


RECONNECTS = (
    "connects again, asks for everything, compares, and goes on; what never arrived is judged again and sent once"
)

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        fault="drop", happens="The socket breaks in the middle of something.", bursar=RECONNECTS, line="socket_down"
    ),
    Scenario(
        fault="restart",
        happens="The gateway restarts; its next order id has gone back.",
        bursar=f"waits, {RECONNECTS}; numbers orders on from its journal",
        line="socket_down",
    ),
    Scenario(
        fault="connectivity_lost",
        happens="The gateway loses IBKR (1100), and finds it again (1101 or 1102).",
        bursar="decides nothing and says so; then asks for everything, and for prices again after 1101",
        you="nothing, unless the alert stays",
        line="server_down",
    ),
    Scenario(
        fault="farm_broken",
        happens="A farm is broken (2103 for prices).",
        bursar="decides nothing while prices are away, and asks for them again when they are back",
    ),
    Scenario(
        fault="farm_inactive",
        happens="A farm sleeps until it is needed (2107, 2108).",
        bursar="nothing: it is no fault",
    ),
    Scenario(
        fault="silent_data",
        happens="Prices stop in an open session, without a word.",
        bursar="notices after two minutes, asks for prices again and alerts; nothing is decided until they come",
        you="look at the gateway when the alert stays",
    ),
    Scenario(
        fault="competing_session",
        happens="Another login of your user takes the market data (10197).",
        bursar="decides nothing, and alerts",
        you="end the other login",
        line="taken",
    ),
    Scenario(
        fault="delay",
        happens="A message takes very long, an order for instance.",
        bursar="flags an order that nobody answered to within a minute and never sends it again",
        you="look at the flagged order; it explains itself when its answer comes",
    ),
    Scenario(
        fault="swallow",
        happens="An answer never comes.",
        bursar="takes it for unknown and never for empty: asks again, and flags an order that got no answer",
        you="look at a flagged order",
    ),
    Scenario(fault="duplicate", happens="A report comes twice.", bursar="books it once"),
    Scenario(
        fault="reorder", happens="Reports overtake each other.", bursar="books a fill once its commission is there"
    ),
    Scenario(fault="slow_reader", happens="The gateway reads slowly.", bursar="waits for its answers"),
    Scenario(
        fault="empty_answer",
        happens="An empty list comes that is really a failure.",
        bursar="looks a second time; what is then still not there becomes a break, and nothing is traded on it",
        you="compare with TWS, and explain the break",
    ),
    Scenario(
        fault="endless_account",
        happens="The account's values never end.",
        bursar="takes the account for unknown: connects again and asks again, and decides nothing without it",
        you="check the account's name when it goes on",
    ),
    Scenario(
        fault="late_commission",
        happens="A commission comes later than its fill.",
        bursar="names the execution that waits, and trades nothing on its symbol until it is booked",
    ),
    Scenario(
        fault="sentinel_commission",
        happens="A commission comes as a number that means nothing.",
        bursar="books nothing with it: the execution waits, as a break with a name",
        you="enter the fill from the statement",
    ),
    Scenario(
        fault="false_cancel",
        happens="A code that clients take for a cancellation (161, 10148, 10349).",
        bursar="believes no code: the order works until the broker lists it as ended",
    ),
    Scenario(
        fault="correct_execution",
        happens="The broker restates an execution.",
        bursar="corrects the books and the order; an order that is not done any more is flagged",
        you="look at a flagged order",
    ),
    Scenario(
        fault="reject", happens="The broker rejects an order.", bursar="journals code and words, and does not insist"
    ),
    Scenario(fault="fill_after_cancel", happens="A fill comes after a cancellation was asked for.", bursar="books it"),
    Scenario(
        fault="fill_while_away",
        happens="An order is filled while there is no connection.",
        bursar="books it from the executions of the day on the way in",
    ),
)

#: What no fault of the gateway makes, with the test that shows it.
OTHERS = (
    (
        "A fill before midnight while the line was down until the next day.",
        "names positions and cash as breaks and flags the order: of that fill no broker tells any more",
        "explain it from the statement",
        "tests/trading/test_reconciliation.py::test_a_gap_past_midnight_blocks_what_does_not_explain_itself_until_a_person_does",
    ),
    (
        "The same, and it was sold again before anybody looked: positions agree, cash does not.",
        "names the cash as a break, buys nothing, and flags every order of that day whose end it was not told",
        "explain them from the statement",
        "tests/trading/test_reconciliation.py::test_an_order_of_yesterday_is_flagged_where_positions_agree_and_cash_does_not",
    ),
    (
        "The same, with the first order that Bursar ever sent from the account.",
        "does not take the position for one that was there before it: names and flags it",
        "explain it from the statement",
        "tests/trading/test_reconciliation.py::test_a_position_that_an_order_of_yesterday_may_have_bought_is_not_adopted",
    ),
    (
        "A trade or an order by hand in TWS.",
        "books the trade, names the order, and leaves the symbol alone",
        "say whose it is",
        "tests/trading/test_reconciliation.py::test_a_trade_by_hand_is_booked_and_its_symbol_waits_for_a_person",
    ),
    (
        "The broker fills more than was asked for.",
        "books it and flags the order",
        "decide what becomes of the rest",
        "tests/trading/test_reconciliation.py::test_an_overfill_is_booked_and_waits_for_a_person",
    ),
    (
        "Another account answers.",
        "refuses all that it says, and sends nothing",
        "check the login and account.account_id",
        "tests/trading/test_reconciliation.py::test_filtered_orders_another_account_is_refused_as_a_whole",
    ),
    (
        "The weekly login is due.",
        "reminds you twelve hours before, and calls you when it was missed",
        "log in at the gateway",
        "tests/trading/test_line.py::test_a_person_is_reminded_once_before_the_weekly_login_and_called_when_it_was_missed",
    ),
    (
        "The broker's clock is minutes off.",
        "holds it against the time on the account's values, sends nothing, says so, and goes on to look",
        "set the clock",
        "tests/simulation/test_clock.py::test_a_gateway_whose_clock_is_minutes_off_is_sent_nothing_until_it_is_right",
    ),
    (
        "The process is killed, or power fails.",
        "starts from its journal as if it had only been disconnected",
        "start it again",
        "tests/e2e/test_wire.py::test_desk_and_gateway_killed_at_random_end_with_the_same_book",
    ),
    (
        "No attempt to connect succeeds.",
        (
            "opens the breaker after broker.reconnect_attempts_max and alerts; stays up, sends nothing, says since "
            "when on /health and in its journal, tries again every broker.reconnect_trial_minutes, then asks for all"
        ),
        "see why the gateway is away: `bursar doctor --watch`",
        "tests/simulation/test_away.py::test_the_desk_outlives_all_attempts_and_nothing_is_lost_or_done_twice",
    ),
)

#: Bugs that were planted in the product one at a time, and how many seeds of the simulation it took, from seed 0 on,
#: until a property did not hold.
PLANTED = {
    "send before journal": 8,
    "trust Cancelled": 27,
    "read a timeout as empty": 147,
    "reuse an id after it went back": 51,
    "forget a partial fill": 2,
    "sell before protection has shrunk": 4,
}


def page() -> str:
    """docs/failures.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# What happens when something goes wrong"
    yield ""
    yield "Written by `python scripts/failures.py` from the scenarios that are tested; change them there."
    yield ""
    yield "## Faults of the gateway and of the line"
    yield ""
    yield "Each row is played by `tests/simulation/test_failures.py` with the fault that [faults](faults.md) describes."
    yield ""
    yield "| fault | what happens | what Bursar does | what you do |"
    yield "|---|---|---|---|"
    for each in SCENARIOS:
        yield f"| `{each.fault}` | {each.happens} | {each.bursar} | {each.you} |"
    yield ""
    yield "## And besides"
    yield ""
    yield "| what happens | what Bursar does | what you do | shown by |"
    yield "|---|---|---|---|"
    for happens, bursar, you, test in OTHERS:
        yield f"| {happens} | {bursar} | {you} | `{test}` |"
    yield ""
    yield "## Would the tests notice?"
    yield ""
    yield "Bugs that are known to cost money were planted one at a time (`tests/simulation/bugs.py`), and schedules of"
    yield "faults, kills and restarts were played from seed 0 on until a property did not hold:"
    yield "`python -m tests.simulation --bug NAME`."
    yield ""
    yield "| planted | seeds until it was found |"
    yield "|---|---|"
    for bug, seeds in PLANTED.items():
        yield f"| {bug} | {seeds} |"
