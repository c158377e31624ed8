"""Plans of faults as values: drawn from a seed, written as scripts, read from words; and the page about them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.gateway import faults as f
from bursar.gateway.commands import Correct, Doom, Hit, decode, encode
from bursar.gateway.faults import KINDS, Plan, plan
from bursar.gateway.faults.catalogue import page
from bursar.gateway.faults.names import message_named
from bursar.gateway.faults.plans import fault_of, words_of
from bursar.runtime import fault_script

A_FAULT = "faults:\n  - fault: "
DROP = A_FAULT + "drop\n"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "faults.md"


def test_the_page_about_faults_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python scripts/fault_catalogue.py"


def test_the_page_describes_every_kind_and_every_word_of_it() -> None:
    text = page()
    for kind in KINDS.values():
        chapter = text.partition(f"### {kind.name}\n")[2].partition("\n##")[0]
        for word in kind.__annotations__:
            assert word in ("name", "unasked") or f"| {word} |" in chapter, (kind.name, word)


# ---------------------------------------------------------------- from a seed


def test_a_seed_draws_the_same_plan_every_time_and_another_seed_another() -> None:
    assert plan(7) == plan(7)
    assert len({repr(plan(seed).faults) for seed in range(50)}) > 45
    assert len(plan(7, faults=5).faults) == 5


def test_every_kind_is_drawn_but_the_one_that_needs_a_person() -> None:
    drawn = Counter(fault.name for seed in range(400) for fault in plan(seed).faults)
    assert drawn.keys() == KINDS.keys() - {"weekly_login"}
    assert min(drawn.values()) > 20  # 1200 faults of 22 kinds are 55 each


def test_kinds_and_client_can_be_chosen() -> None:
    drawn = plan(3, faults=40, kinds={"drop", "weekly_login"}, client=1).faults
    assert {fault.name for fault in drawn} == {"drop", "weekly_login"}
    assert {fault.client for fault in drawn} == {1}
    with pytest.raises(InputError, match="no fault is called 'dorp', did you mean drop"):
        plan(3, kinds={"dorp"})


# ---------------------------------------------------------------- as a script


@given(st.integers(0, 10_000))
def test_what_is_written_as_a_script_is_read_as_the_same_plan(tmp_path_factory: Any, seed: int) -> None:
    path = tmp_path_factory.mktemp("scripts") / "faults.yaml"
    drawn = plan(seed, faults=4, kinds=KINDS)
    path.write_text(drawn.script())
    assert fault_script.read(path) == drawn


def test_times_and_texts_are_written_so_that_they_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    told = Plan(
        seed=3,
        faults=(
            f.SilentData(at=datetime(2022, 1, 3, 15, tzinfo=UTC), symbol="BRK.B"),
            f.Reject(text='Order rejected - reason: "no": #1', code=399),
        ),
    )
    path.write_text(told.script())
    assert fault_script.read(path) == told


def test_an_empty_script_is_a_plan_without_faults(tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    for text in ("", "faults: []\n", Plan().script()):
        path.write_text(text)
        assert fault_script.read(path) == Plan()


def test_words_that_say_what_is_so_anyway_are_left_out() -> None:
    assert words_of(f.Drop(after="placeOrder", nth=1, times=1)) == {"after": "placeOrder"}


@pytest.mark.parametrize(
    ("script", "line", "says"),
    [
        ("seed: 7\n" + A_FAULT + "dorp\n", 3, "no fault is called 'dorp', did you mean drop?"),
        (DROP + "    aftre: placeOrder\n", 3, "drop has no word 'aftre', did you mean after?"),
        (DROP + "    after: placeOrdre\n", 2, "no message is called 'placeOrdre', did you mean placeOrder?"),
        (DROP, 2, "drop needs one of before and after"),
        (DROP + "    after: a\n    before: b\n", 2, "drop needs one of before and after"),
        (DROP + "    after: placeOrder\n    nth: two\n", 4, "nth is 'two'; give a whole number"),
        (DROP + "    after: placeOrder\n    nth: 1.5\n", 4, "nth is 1.5; give a whole number"),
        (DROP + "    after: placeOrder\n    nth: 0\n", 2, "nth is 0; give a whole number from 1"),
        (DROP + "    after: placeOrder\n    nth: true\n", 4, "nth is True; give a whole number"),
        (DROP + "    after: [placeOrder]\n", 3, "one value was expected here"),
        (DROP + "    after: placeOrder\n    after: openOrder\n", 4, "after is said twice"),
        (DROP + "    ? [a]\n    : b\n", 3, "a word was expected"),
        (DROP + "    chance: 2\n    after: placeOrder\n", 2, "chance is 2.0; give a number above 0"),
        ("faults:\n  - after: placeOrder\n", 2, "no name; begin with fault:"),
        ("faults:\n  - drop\n", 2, "a fault is a list of words"),
        ("faults: drop\n", 1, "faults is a list"),
        ("fault: drop\n", 1, "no word 'fault'; the words of a script are seed and faults"),
        ("seed: x\n", 1, "seed is 'x'; give a whole number"),
        ("seed: true\n", 1, "seed is True; give a whole number"),
        ("- drop\n", 1, "a script is a list of words"),
        ("faults:\n\t- fault: drop\n", 2, "not YAML"),
        (A_FAULT + "duplicate\n    message: placeOrder\n", 2, "placeOrder cannot be meant here; give a message that "),
        (A_FAULT + "empty_answer\n    request: positionEnd\n", 2, "positionEnd cannot be meant here; give a messag"),
        (A_FAULT + "silent_data\n    at: noon\n", 3, "at is 'noon'; give a time with its zone"),
        (A_FAULT + "silent_data\n    at: 2022-01-03\n    night: 1\n", 2, "silent_data begins once"),
        (A_FAULT + "restart\n    seconds: -1\n", 2, "seconds is -1.0; give 0 to 86400"),
        (A_FAULT + "clock_off\n    minutes: 1e9\n", 2, "minutes is 1000000000.0; give at most a day"),
        (A_FAULT + "fill_while_away\n    share: 2\n", 2, "share is 2; give a number above 0"),
        (A_FAULT + "fill_while_away\n    share: much\n", 3, "share is 'much'; give a number"),
        (A_FAULT + "sentinel_commission\n    sentinel: none\n", 2, "sentinel is 'none'; give unset or minus_one"),
        (A_FAULT + "correct_execution\n    price_change: 0\n", 2, "price_change is 0; give by how much"),
    ],
)  # fmt: skip
def test_a_slip_of_the_pen_is_named_with_file_line_and_remedy(
    tmp_path: Path, script: str, line: int, says: str
) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(script)
    with pytest.raises(InputError) as caught:
        fault_script.read(path)
    said = str(caught.value)
    assert said.startswith(f"{path}, line {line}: {says}")
    assert "\n" not in said


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        fault_script.read(tmp_path / "none.yaml")
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (fault_script.SCRIPT_BYTES_MAX + 1))
    with pytest.raises(InputError, match="larger than a script of faults can be"):
        fault_script.read(large)
    large.write_bytes(b"seed: \x01\n")
    with pytest.raises(InputError, match="not YAML"):
        fault_script.read(large)


# ---------------------------------------------------------------- as values


def test_a_time_without_a_zone_is_refused_from_python_and_meant_as_utc_in_a_script() -> None:
    with pytest.raises(InputError, match="names no zone"):
        f.SilentData(at=datetime(2022, 1, 3, 15))  # noqa: DTZ001 - that is the mistake
    assert fault_of("silent_data", {"at": "2022-01-03T15:00:00"}) == f.SilentData(
        at=datetime(2022, 1, 3, 15, tzinfo=UTC)
    )


def test_messages_are_found_by_the_names_that_clients_know() -> None:
    assert message_named("error").__name__ == "ErrMsg"
    assert message_named("placeOrder").__name__ == "PlaceOrder"


@pytest.mark.parametrize(
    "command",
    [
        Hit(client_id=1, order_id=2, total_quantity=Decimal("0.5")),
        Doom(client_id=1, code=201, text="no"),
        Correct(exec_id="0000e0d5.00000001.01.01", price=Decimal("100.50")),
    ],
)
def test_what_faults_make_of_orders_is_kept_in_the_log(command: Any) -> None:
    assert decode(encode(command)) == command
