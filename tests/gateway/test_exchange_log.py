"""The exchange is what its commands made it: kept as lines, they rebuild it to the byte."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import InputError
from bursar.gateway.commands import (
    Advance,
    Bind,
    ByHand,
    Cancel,
    CancelAll,
    Command,
    Condition,
    Place,
    RollBack,
    decode,
    encode,
)
from bursar.gateway.exchange import Exchange, replay
from bursar.gateway.fees import BasisPoints
from bursar.gateway.terms import Terms
from bursar.gateway.world import World
from tests.gateway.worlds import QUIET, WrittenTape, order, simulated, written

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-1000, max_value=10**9)
CONDITIONS = st.builds(Condition, kind=st.integers(1, 7), symbol=st.text(max_size=3), value=st.text(max_size=8))
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        Place,
        client_id=st.integers(0, 32),
        order_id=st.integers(-5, 10**9),
        account=st.text(max_size=12),
        symbol=st.text(max_size=8),
        action=st.sampled_from(["BUY", "SELL", ""]),
        total_quantity=DECIMALS,
        order_type=st.sampled_from(["MKT", "LMT", "STP"]),
        lmt_price=st.none() | DECIMALS,
        tif=st.sampled_from(["DAY", "GTC"]),
        order_ref=st.text(max_size=12),
        aux_price=st.none() | DECIMALS,
        trail_stop_price=st.none() | DECIMALS,
        trailing_percent=st.none() | DECIMALS,
        lmt_price_offset=st.none() | DECIMALS,
        good_till_date=st.text(max_size=12),
        parent_id=st.integers(0, 3),
        transmit=st.booleans(),
        oca_group=st.text(max_size=3),
        oca_type=st.integers(0, 3),
        conditions=st.lists(CONDITIONS, max_size=2).map(tuple),
    ),
    st.builds(Cancel, client_id=st.integers(0, 32), order_id=st.integers()),
    st.builds(CancelAll, client_id=st.integers(0, 32)),
    st.just(Advance()),
    st.builds(Bind, auto=st.booleans()),
    st.just(RollBack()),
    st.builds(
        ByHand,
        client_id=st.just(0),
        order_id=st.just(0),
        account=st.just("A"),
        symbol=st.just("AAA"),
        action=st.just("BUY"),
        total_quantity=DECIMALS,
    ),
)


def dump(exchange: Exchange) -> str:
    """All that can be seen of an exchange."""
    return repr((exchange.now, exchange.notices, exchange.accounts, exchange.open_orders(), exchange.quotes))


@given(command=COMMANDS)
def test_a_command_survives_as_one_line_of_text(command: Command) -> None:
    line = encode(command)
    assert "\n" not in line
    assert decode(line) == command
    assert encode(decode(line)) == line


def test_the_bytes_of_a_command_by_hand() -> None:
    assert encode(Advance()) == '{"kind":"advance"}'
    assert encode(Cancel(client_id=1, order_id=7)) == '{"client_id":1,"kind":"cancel","order_id":7}'
    assert encode(order(7, "SELL", "2.50", limit="90.10")) == (
        '{"account":"DU9000001","action":"SELL","client_id":1,"kind":"place","lmt_price":"90.10","order_id":7,'
        '"order_ref":"o-00000007","order_type":"LMT","symbol":"AAA","tif":"DAY","total_quantity":"2.50"}'
    )
    # What was not said at first is written only where it is said.
    waits = Condition(kind=1, symbol="AAA", value="90")
    assert encode(order(8, kind="STP", stop="95.00", parent_id=7, conditions=(waits,))) == (
        '{"account":"DU9000001","action":"BUY","aux_price":"95.00","client_id":1,"conditions":[{"conjunction":"a",'
        '"is_more":true,"kind":1,"symbol":"AAA","value":"90"}],"kind":"place","lmt_price":null,"order_id":8,'
        '"order_ref":"o-00000008","order_type":"STP","parent_id":7,"symbol":"AAA","tif":"DAY","total_quantity":"10"}'
    )


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x",
        "[]",
        "3",
        "null",
        '{"kind":"advance"',
        '{"kind":"sell"}',
        '{"no":"kind"}',
        '{"kind":"advance","more":1}',
        '{"kind":"cancel","client_id":1}',
        '{ "kind":"advance"}',
        '{"kind":["advance"]}',
        encode(order(1)).replace('"10"', '"ten"'),
        encode(order(1)).replace('"10"', "10"),
    ],
)
def test_a_line_that_was_never_written_is_refused(line: str) -> None:
    with pytest.raises(InputError, match="not a command"):
        decode(line)


STORY: tuple[Command, ...] = (
    order(1),
    Advance(),
    order(2, limit="96"),
    order(3, "SELL", limit="104", tif="GTC"),
    order(3, "SELL", 5, limit="104", tif="GTC"),
    Cancel(client_id=1, order_id=2),
    Advance(),
    order(2),
    Advance(),
    order(1, client_id=2, symbol="ZZZ"),
    CancelAll(client_id=2),
    *(Advance() for _ in range(8)),
)


def test_the_same_commands_make_the_same_exchange_and_another_seed_another() -> None:
    def play(seed: int) -> str:
        exchange = Exchange(written(), Terms(seed=seed))
        for command in STORY:
            exchange.apply(command)
        return dump(exchange)

    assert play(7) == play(7)
    assert play(7) != play(8)


@given(cut=st.integers(0, len(STORY)))
def test_a_killed_exchange_is_rebuilt_from_its_log_and_goes_on_as_if_nothing_had_been(cut: int) -> None:
    world, terms = written(), Terms(seed=7)
    undisturbed, killed = Exchange(world, terms), Exchange(world, terms)
    log = [killed.header]
    for command in STORY[:cut]:
        log.append(encode(command))
        killed.apply(command)
    again = replay(written(), Terms(seed=7), log)
    assert dump(again) == dump(killed)
    for command in STORY:
        undisturbed.apply(command)
    for command in STORY[cut:]:
        again.apply(command)
    assert dump(again) == dump(undisturbed)


def test_what_was_written_and_not_done_is_done_by_the_replay() -> None:
    killed = Exchange(written(), Terms())
    killed.advance()
    log = [killed.header, encode(Advance()), encode(order(1))]
    assert replay(written(), Terms(), log).notices != killed.notices


@pytest.mark.parametrize(
    ("world", "terms"),
    [
        (simulated(), Terms()),
        (replace(written(), name="other"), Terms()),
        (
            replace(
                written(),
                tape=WrittenTape(
                    script=(QUIET, QUIET), days=[each.day for each in written().sessions], fingerprint="other"
                ),
            ),
            Terms(),
        ),
        (written(), Terms(seed=1)),
        (written(), Terms(cash=Decimal(1))),
        (written(), Terms(fees=BasisPoints(rate=Decimal(3)))),
    ],
)
def test_a_log_of_another_world_or_other_terms_is_refused(world: World, terms: Terms) -> None:
    log = [Exchange(written(), Terms()).header]
    with pytest.raises(InputError, match="this log of commands is not of the world"):
        replay(world, terms, log)


def test_a_log_without_its_header_is_refused() -> None:
    with pytest.raises(InputError, match="begins 'None'"):
        replay(written(), Terms(), [])


def test_execution_ids_have_the_form_of_ibkr_and_never_repeat() -> None:
    exchange = Exchange(simulated(), Terms(seed=3))
    exchange.advance()
    for number in range(1, 200):
        exchange.apply(order(number, "BUY", 1, symbol="S000"))
    ids = [each.exec_id for each, _ in exchange.executions()]
    assert len(set(ids)) == len(ids) == 199
    for exec_id in ids:
        first, second, *rest = exec_id.split(".")
        assert (first, len(second), rest) == ("0000e0d5", 8, ["01", "01"])
        int(second, 16)
    perm_ids = [each.perm_id for each, _ in exchange.executions()]
    assert perm_ids == list(range(perm_ids[0], perm_ids[0] + 199))
    assert 10**9 <= perm_ids[0] < 2 * 10**9
