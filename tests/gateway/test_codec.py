"""Bytes to frames to texts: any split is the same stream, and junk is a ProtocolError and nothing else."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.errors import ProtocolError
from bursar.gateway import codec
from bursar.gateway.codec import FrameReader, VersionRange

TEXTS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, max_size=8)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    """``stream`` cut at ``cuts``."""
    bounds = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in pairwise(bounds)]


def read_into(found: list[bytes], reader: FrameReader, parts: list[bytes]) -> None:
    """Read one by one, so that what came before an error is kept."""
    for part in parts:
        for payload in reader.feed(part):
            found.append(payload)


@given(st.lists(st.binary(max_size=40), max_size=6), st.lists(st.integers(0, 10_000), max_size=10))
def test_any_split_of_the_bytes_gives_the_same_frames(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(codec.frame(payload) for payload in payloads)
    reader = FrameReader()
    assert [payload for piece in pieces(stream, cuts) for payload in reader.feed(piece)] == payloads
    assert reader.waiting == 0


@given(
    st.lists(st.binary(max_size=20), max_size=4), st.binary(max_size=20), st.lists(st.integers(0, 10_000), max_size=8)
)
def test_what_came_before_junk_is_read_whatever_the_split(payloads: list[bytes], junk: bytes, cuts: list[int]) -> None:
    stream = b"".join(codec.frame(payload) for payload in payloads) + b"\xff\xff\xff\xff" + junk
    found: list[bytes] = []
    reader = FrameReader()
    with pytest.raises(ProtocolError, match="4294967295 bytes"):
        read_into(found, reader, pieces(stream, cuts))
    assert found == payloads


def test_a_frame_that_is_too_long_is_refused_before_its_bytes_arrive() -> None:
    reader = FrameReader(bytes_max=100)
    with pytest.raises(ProtocolError, match="101 bytes was announced; at most 100"):
        list(reader.feed((101).to_bytes(4, "big")))


def test_the_longest_allowed_frame_is_read() -> None:
    reader = FrameReader(bytes_max=100)
    assert list(reader.feed(codec.frame(bytes(100)))) == [bytes(100)]


def test_no_more_than_one_unfinished_frame_is_held() -> None:
    reader = FrameReader()
    stream = codec.frame(b"first\0") * 50 + codec.frame(b"the last\0")[:-2]
    assert len(list(reader.feed(stream))) == 50
    assert reader.waiting == len(codec.frame(b"the last\0")) - 2


@given(TEXTS)
def test_texts_come_back_as_they_were(texts: list[str]) -> None:
    (payload,) = FrameReader().feed(codec.encode(texts))
    assert codec.decode(payload) == texts


@pytest.mark.parametrize("payload", [b"", b"71", b"71\x002", b"\xff\xfe\x00", b"\xc3\x28\x00"])
def test_a_payload_that_is_no_list_of_texts_is_refused(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        codec.decode(payload)


@given(st.binary(max_size=60))
def test_junk_raises_protocol_errors_and_nothing_else(junk: bytes) -> None:
    for read in (codec.decode, codec.decode_versions):
        try:
            read(junk)
        except ProtocolError:
            continue


@pytest.mark.parametrize(
    ("payload", "versions"),
    [
        (b"v157..178", VersionRange(lowest=157, highest=178)),
        (b"v100", VersionRange(lowest=100, highest=100)),
        (b"v100..157 +PACEAPI", VersionRange(lowest=100, highest=157, options="+PACEAPI")),
    ],
)
def test_the_versions_of_a_client_are_read(payload: bytes, versions: VersionRange) -> None:
    assert codec.decode_versions(payload) == versions


@pytest.mark.parametrize("payload", [b"", b"v", b"157..178", b"v157..", b"v1234567", b"v157..178\0", b"v\xb2..178"])
def test_versions_that_make_no_sense_are_refused(payload: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"v157\.\.178"):
        codec.decode_versions(payload)


def test_the_greeting_is_what_clients_send() -> None:
    sent = codec.encode_versions(VersionRange(lowest=157, highest=178, options="+PACEAPI"))
    assert sent == b"API\0\x00\x00\x00\x12v157..178 +PACEAPI"
