"""The right to trade: waited for, renewed, asked about before each act, and given up at once when it is lost."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from bursar.adapters.memory import MemoryJournal, MemoryLease
from bursar.domain.events import Alerted
from bursar.errors import InputError, LeaseLostError
from bursar.ports import Grant
from bursar.runtime.reserve import Reserve
from bursar.runtime.tenure import SERVICE, Fenced, Tenure, boot_seconds, holder_name, service_name
from tests.builders import OPEN, order
from tests.runtime.test_loop import Scripted

U = "DU9000001"


@dataclass
class Time:
    """A clock that waiting moves."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return OPEN + timedelta(seconds=self.seconds)

    def ticks(self) -> float:
        return self.seconds

    async def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


class Away(MemoryLease):
    """A lease whose database can be away."""

    away = False

    def acquire(self, account: str, holder: str, until: datetime, now: datetime) -> Grant | None:
        if self.away:
            raise InputError("the database is away")
        return super().acquire(account, holder, until, now)

    def holds(self, grant: Grant, now: datetime) -> bool:
        if self.away:
            raise InputError("the database is away")
        return super().holds(grant, now)


def tenure(lease: MemoryLease, time: Time, holder: str = "a") -> Tenure:
    return Tenure(lease=lease, account=U, holder=holder, now=time.now, ticks=time.ticks, pause=time.pause)


def taken(lease: MemoryLease, time: Time, holder: str = "a") -> Tenure:
    ours = tenure(lease, time, holder)
    assert asyncio.run(ours.take(lambda: None)) is False
    return ours


def test_who_comes_second_waits_until_the_first_ends_or_its_lease_does() -> None:
    lease, time, told = MemoryLease(), Time(), []
    first, second = taken(lease, time), tenure(lease, time, "b")
    first.check()
    assert asyncio.run(second.take(lambda: told.append(time.seconds)))
    assert told == [0.0]
    assert time.seconds == 30.0, "it asks each six seconds, and is granted it when the thirty are over"
    second.check()
    with pytest.raises(LeaseLostError, match="does not hold the lease of DU9000001 any more"):
        first.check()
    second.leave()
    second.leave()
    with pytest.raises(LeaseLostError):
        second.check()
    assert taken(lease, time, "c").grant == Grant(account=U, holder="c", fence=3, until=time.now() + second.length)


def test_who_may_not_wait_is_told_at_once_who_trades_and_until_when() -> None:
    lease, time = MemoryLease(), Time()
    taken(lease, time, "desk-7/41")
    said = r"desk-7/41 trades DU9000001: it holds the lease until 2022-01-03 14:30:30 UTC"
    second = tenure(lease, time, "b")
    with pytest.raises(InputError, match=said):
        asyncio.run(second.claim())
    assert second.grant is None
    assert time.waits == []


@pytest.mark.parametrize(("alive", "asked"), [(True, 1), (False, 5)])
def test_a_lease_that_a_dead_process_left_is_waited_out_and_one_that_is_renewed_is_not(
    alive: bool,
    asked: int,
) -> None:
    lease, time, told = MemoryLease(), Time(), list[Grant]()
    first, second = taken(lease, time), tenure(lease, time, "b")

    async def pause(seconds: float) -> None:
        await time.pause(seconds)
        if alive:
            first._ask(1)

    second.pause = pause
    if alive:
        with pytest.raises(InputError, match="a trades DU9000001"):
            asyncio.run(second.claim(told.append))
    else:
        asyncio.run(second.claim(told.append))
        second.check()
    assert [held.holder for held in told] == ["a"]
    assert len(time.waits) == asked


def test_one_whose_clock_is_far_ahead_is_not_waited_for_longer_than_a_lease_lasts() -> None:
    lease, time = MemoryLease(), Time()
    assert lease.acquire(U, "a", OPEN + timedelta(days=1), OPEN)
    with pytest.raises(InputError, match="until 2022-01-04"):
        asyncio.run(tenure(lease, time, "b").claim(lambda _: None))
    assert sum(time.waits) == 36.0


def test_a_lease_that_is_kept_is_renewed_before_work_begins_and_given_back_where_it_ends() -> None:
    lease, time = MemoryLease(), Time()
    ours = taken(lease, time)

    async def live() -> None:
        with ours.kept():
            await _works(time, 120)
            ours.check()
            await ours.during(_works(time, 240))
            ours.check()
            assert ours.grant is not None
            assert ours.grant.fence == 1

    asyncio.run(live())
    assert ours.grant is None
    taken(lease, time, "b").check()


def test_a_lease_that_is_lost_before_work_begins_is_noticed_there() -> None:
    lease, time = MemoryLease(), Time()
    ours = taken(lease, time)

    async def live() -> None:
        with ours.kept():
            time.seconds += 100
            assert lease.acquire(U, "b", time.now() + timedelta(hours=1), time.now())
            await _works(time, 106)
            with pytest.raises(LeaseLostError):
                ours.check()

    asyncio.run(live())
    ours.leave()
    (held,) = [lease.granted(U)]
    assert held is not None
    assert held.holder == "b", "what is another's is not given back"


def test_a_lease_that_another_was_granted_is_lost_even_where_our_clock_stood_still() -> None:
    lease, time = MemoryLease(), Time()
    ours = taken(lease, time)
    later = OPEN + timedelta(minutes=1)
    assert lease.acquire(U, "b", later + timedelta(minutes=1), later)
    with pytest.raises(LeaseLostError, match="another was granted it"):
        ours.check()


def test_with_the_database_away_a_lease_lasts_to_its_end_and_no_longer() -> None:
    lease, time = Away(), Time()
    ours = taken(lease, time)
    lease.away = True
    time.seconds = 29.9
    ours.check()
    time.seconds = 30.0
    with pytest.raises(LeaseLostError):
        ours.check()


async def _works(time: Time, seconds: float) -> None:
    while time.seconds < seconds:  # noqa: ASYNC110  # another task moves the clock
        await asyncio.sleep(0)


def test_it_is_renewed_while_work_is_done_also_when_the_database_was_away_for_a_moment() -> None:
    lease, time = Away(), Time()
    ours = taken(lease, time)

    async def work() -> None:
        await _works(time, 40)
        ours.check()
        lease.away = True
        await _works(time, 52)
        lease.away = False
        await _works(time, 120)
        ours.check()

    asyncio.run(ours.during(work()))
    assert set(time.waits) == {6.0}
    assert ours.grant is not None
    assert ours.grant.fence == 1


def test_one_that_ran_out_and_that_nobody_took_goes_on_under_the_next_number() -> None:
    lease, time = MemoryLease(), Time()
    ours = taken(lease, time)

    async def work() -> None:
        time.seconds += 100  # something took very long
        await _works(time, 110)
        ours.check()

    asyncio.run(ours.during(work()))
    assert ours.grant is not None
    assert ours.grant.fence == 2
    time.seconds += 100  # and where nobody renewed it, it is asked for before the next act
    ours.check()
    assert ours.grant.fence == 3


def test_work_ends_at_once_where_another_was_granted_the_lease() -> None:
    lease, time, ended = MemoryLease(), Time(), []
    ours = taken(lease, time)

    async def work() -> None:
        time.seconds += 100
        assert lease.acquire(U, "b", time.now() + timedelta(seconds=1), time.now())
        time.seconds += 100  # and that one has ended, too
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(time.seconds)

    with pytest.raises(LeaseLostError):
        asyncio.run(ours.during(work()))
    assert ended


def test_a_fault_of_the_work_is_the_works() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(taken(MemoryLease(), Time()).during(work()))


def test_nothing_leaves_without_the_lease_and_what_is_told_is_still_heard() -> None:
    lease, time, broker = MemoryLease(), Time(), Scripted([{}])
    ours = taken(lease, time)
    fenced = Fenced(broker, ours.check)
    asyncio.run(fenced.cancel("o-1"))
    assert broker.sent == ["o-1"]
    time.seconds = 30
    assert lease.acquire(U, "b", time.now() + timedelta(seconds=15), time.now())
    for act in (fenced.cancel("o-1"), fenced.preview(order("o-2")), fenced.place(None), fenced.amend(None)):  # type: ignore[arg-type]  # it is not looked at
        with pytest.raises(LeaseLostError):
            asyncio.run(act)
    assert fenced.reports() == ()
    assert asyncio.run(fenced.account()).positions == ()
    assert broker.sent == ["o-1"]


def test_not_even_a_kill_goes_on_without_the_lease(tmp_path) -> None:  # type: ignore[no-untyped-def]
    class Lost(MemoryJournal):
        async def append(self, events):  # type: ignore[no-untyped-def]
            raise LeaseLostError("another trades")

    reserve = Reserve(Lost(), tmp_path / "reserve.jsonl", lambda: True)
    with pytest.raises(LeaseLostError):
        asyncio.run(reserve.append([Alerted(event_id="n", at=OPEN, severity="info", message="hello")]))
    assert not reserve.away


def test_a_process_trades_under_its_own_name_below_that_of_its_service() -> None:
    assert holder_name({}) == service_name()
    assert holder_name({SERVICE: "host/7"}) == f"host/7/{os.getpid()}"
    assert boot_seconds() <= boot_seconds()
