"""What stands on the wire, line by line: a change of it is seen in review, and never by accident.

`python -m tests.gateway.test_golden` writes the transcripts again; read the difference before you keep it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bursar.gateway import codec
from bursar.gateway.messages import VERSIONS, write
from bursar.gateway.messages import requests as q
from tests.gateway import worlds
from tests.gateway.clients import AAA, Client, hub_of, limit, market, to_open

GOLDEN = Path(__file__).parents[1] / "golden" / "gateway"

#: A short day: everything that a client usually asks, once.
ASKED: tuple[object, ...] = (
    q.ReqAccountSummary(req_id=9001, tags="NetLiquidation,BuyingPower"),
    q.ReqPositions(),
    q.ReqContractDetails(req_id=9002, contract=AAA),
    q.ReqMatchingSymbols(req_id=9003, pattern="AA"),
    q.ReqMktData(req_id=9004, contract=AAA),
    market(1, order_ref="o-00000001"),
    limit(2, "50.00", order_ref="o-00000002"),
    q.ReqOpenOrders(),
    q.CancelOrder(order_id=2),
    market(3, what_if=True),
    market(4, "SELL", 1_000),
    q.ReqExecutions(req_id=9005),
    q.ReqCompletedOrders(),
    q.CancelOrder(order_id=99),
    q.ReqCurrentTime(),
)
#: And what is asked once its first hours are over.
ASKED_LATER: tuple[object, ...] = (
    q.ReqHistoricalData(req_id=9006, contract=AAA, bar_size_setting="1 day", duration_str="1 D"),
    q.ReqHistoricalData(req_id=9007, contract=AAA, bar_size_setting="3 hours", duration_str="1 D"),
    q.CancelMktData(req_id=9004),
)


def lines(mark: str, data: bytes) -> list[str]:
    """Messages as lines: their fields between bars, empty ones as they are."""
    return [f"{mark} {'|'.join(codec.decode(payload))}" for payload in codec.FrameReader(1 << 30).feed(data)]


def transcript(version: int) -> str:
    """The day in one version, what is sent and what is told."""
    hub = hub_of(worlds.written())
    to_open(hub)
    client = Client(hub, start=False, version=version)
    hello = codec.encode_versions(codec.VersionRange(lowest=100, highest=version))
    said = [f">> {hello!r}", *lines("<<", client.session.receive(hello))]

    def ask(requests: tuple[object, ...]) -> None:
        for request in requests:
            sent = write(request, version)
            said.extend([*lines(">>", sent), *lines("<<", client.session.receive(sent) + client.session.take())])

    ask((q.StartApi(client_id=1), *ASKED))
    hub.step()
    said += ["-- 17:00", *lines("<<", client.session.take())]
    ask(ASKED_LATER)
    return "\n".join(said) + "\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_wire_says_what_it_always_said(version: int) -> None:
    expected = (GOLDEN / f"day-{version}.txt").read_text(encoding="utf-8")
    assert transcript(version).splitlines() == expected.splitlines()


def test_a_price_is_told_as_it_was_written_whatever_an_equal_order_wrote_before() -> None:
    def told(price: str) -> str:
        hub = hub_of(worlds.written())
        to_open(hub)
        client = Client(hub, start=False, version=178)
        client.session.receive(codec.encode_versions(codec.VersionRange(lowest=100, highest=178)))
        client.session.receive(write(q.StartApi(client_id=1), 178))
        return "".join(lines("", client.session.receive(write(limit(1, price), 178)) + client.session.take()))

    assert "|LMT|50|" in told("50")
    assert "|LMT|50.00|" in told("50.00")


if __name__ == "__main__":
    for each in VERSIONS:
        (GOLDEN / f"day-{each}.txt").write_text(transcript(each), encoding="utf-8")
