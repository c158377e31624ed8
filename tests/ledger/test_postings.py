"""Postings balance in every currency or are not entered at all; and a frozen log stays as long as it was."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bursar.domain import events as e
from bursar.domain.events import CATALOGUE
from bursar.errors import LedgerError
from bursar.ledger.book import HANDLERS, Bookkeeper
from bursar.ledger.log import Log
from bursar.ledger.postings import AccountName, LedgerAccount, Nature, post
from tests.ledger.tale import Tale, dec

CASH, CAPITAL = (LedgerAccount(AccountName(nature, "USD")) for nature in (Nature.CASH, Nature.CAPITAL))
EUROS = LedgerAccount(AccountName(Nature.CASH, "EUR"))


@pytest.mark.parametrize(
    ("postings", "said"),
    [
        (((CASH, dec(1)), (CAPITAL, dec("-0.99"))), "0.01 USD came from nowhere"),
        (((CASH, dec(1)), (EUROS, dec(-1))), "-1 EUR and 1 USD came from nowhere"),
        (((CASH, dec("0.000000001")), (CAPITAL, dec("-0.000000001"))), "finer than a hundred-millionth"),
    ],
)
def test_what_does_not_balance_is_not_entered(postings: tuple[tuple[LedgerAccount, Decimal], ...], said: str) -> None:
    with pytest.raises(LedgerError, match=said):
        post(postings)
    assert [account.balance for account, _ in postings] == [0, 0]


def test_every_kind_of_event_is_known_to_the_books_and_none_by_accident() -> None:
    """A new kind fails here until somebody has said whether it means anything to the books."""
    assert set(HANDLERS) == set(CATALOGUE.values())
    means_nothing = {kind for kind, shape in CATALOGUE.items() if HANDLERS[shape] is None}
    assert means_nothing == {
        "abstained", "access_changed", "account_switched", "alerted", "amend_rejected", "amend_requested", "approved",
        "attribution_reported", "break_explained", "break_found", "cancel_rejected", "cancel_requested",
        "command_received", "committee_met", "decided", "decision_skipped", "exit_triggered", "fill_corrected",
        "kill_finished", "kill_ordered", "leg_refused", "leg_sent", "line_changed", "lots_chosen", "model_asked",
        "order_accepted", "order_amended", "order_canceled", "order_expired", "order_flagged", "order_placed",
        "order_rejected", "parent_begun", "parent_ended", "piece_sent", "portfolio_closed", "portfolio_opened",
        "promotion_judged", "proposal_ended", "proposal_made",
        "proposal_tapped", "rearm_refused", "rejected", "risk_budget_set", "run_started", "session_closed",
        "session_opened", "sign_in_refused", "signal_received", "signed_in", "switch_refused", "task_finished",
        "tasks_missed", "trading_state_changed", "trimmed", "view_formed",
    }  # fmt: skip


def test_a_kind_that_the_books_never_heard_of_stops_them() -> None:
    class Novel(e.Event, kind="novel_in_a_test"):
        pass

    try:
        keeper = Bookkeeper()
        with pytest.raises(LedgerError, match=r"event 1: .*do not know what a 'novel_in_a_test' means"):
            keeper.apply(Novel(event_id="n", at=Tale().at))
    finally:
        del CATALOGUE["novel_in_a_test"]


def test_a_log_is_the_beginning_of_a_list_that_grows() -> None:
    items = [1, 2, 3]
    log = Log(items)
    items.append(4)
    assert (list(log), len(log), log[-1], log[1:], repr(log)) == ([1, 2, 3], 3, 3, [2, 3], "Log of 3")
    assert log == [1, 2, 3]
    assert log != [1, 2, 4]
    assert log != [1, 2]
    assert log != 7
    with pytest.raises(IndexError):
        log[3]
