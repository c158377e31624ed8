"""The wire's outermost layer: bytes to frames to texts, and back. No sockets, no meaning.

A frame is a length (four bytes, big-endian) and a payload; a payload is texts, each ended by a NUL. Two
frames break the pattern, both at the start of a conversation: the client's first bytes are ``API`` and a
NUL with no length, and the frame after them, the range of versions that it speaks, ends without a NUL.

Source: the layout as read in ib_async 2.1.0 (client.py) and ibapi 9.81.1 (comm.py, client.py).
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from bursar.errors import ProtocolError

#: What a client says before anything else.
GREETING = b"API\0"
LENGTH_BYTES = 4
#: The longest request that is waited for. The longest sensible one, an order with conditions and algorithm
#: parameters, stays below 10 KiB; the clients' own limit is 16 MiB, and 32 of those would not be bounded memory.
REQUEST_BYTES_MAX = 1 << 20

_VERSIONS = re.compile(r"v(\d{1,6})(?:\.\.(\d{1,6}))?(?: (.*))?", re.DOTALL)


class FrameReader:
    """Collects bytes as they arrive, in pieces of any size, and yields the payloads that are whole.

    Holds at most one unfinished frame. Raises ProtocolError for a frame longer than ``bytes_max`` as soon as
    its length is known; nothing can be read from that stream any more.
    """

    def __init__(self, bytes_max: int = REQUEST_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Generator[bytes, None, None]:
        """Add ``data``; yield each payload that is now complete, in order."""
        self._buffer += data
        start = 0
        try:
            while len(self._buffer) - start >= LENGTH_BYTES:
                end = start + LENGTH_BYTES + self._length(start)
                if len(self._buffer) < end:
                    return
                payload = bytes(self._buffer[start + LENGTH_BYTES : end])
                start = end
                yield payload
        finally:
            # Once a call, not once a frame: deleting from the front moves all that is behind.
            del self._buffer[:start]

    def put_back(self, payload: bytes) -> None:
        """Let ``payload``, the last one that was fed, be the next one again; close that generator first."""
        self._buffer[:0] = frame(payload)

    @property
    def waiting(self) -> int:
        """Bytes that are held and do not make a frame yet."""
        return len(self._buffer)

    def _length(self, start: int) -> int:
        length = int.from_bytes(self._buffer[start : start + LENGTH_BYTES], "big")
        if length > self._bytes_max:
            raise ProtocolError(f"a frame of {length} bytes was announced; at most {self._bytes_max} are read")
        return length


def frame(payload: bytes) -> bytes:
    """``payload`` with its length in front."""
    return len(payload).to_bytes(LENGTH_BYTES, "big") + payload


def encode(texts: Sequence[str]) -> bytes:
    """One framed message from its texts, in wire order. Raises ValueError where a NUL in one would end its field."""
    text = "\0".join(texts) + "\0"
    if text.count("\0") != len(texts):
        raise ValueError("a NUL would end the field")
    return frame(text.encode())


def decode(payload: bytes) -> list[str]:
    """The texts of one payload. Raises ProtocolError when it is not NUL-terminated UTF-8."""
    if not payload.endswith(b"\0"):
        raise ProtocolError(f"a message of {len(payload)} bytes does not end with a NUL: {payload[:40]!r}")
    try:
        texts = payload.decode().split("\0")
    except UnicodeDecodeError as error:
        raise ProtocolError(f"a message is not UTF-8: {payload[:40]!r}") from error
    texts.pop()
    return texts


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRange:
    """The protocol versions that a client speaks, both included, and its connection options."""

    lowest: int
    highest: int
    options: str = ""


def decode_versions(payload: bytes) -> VersionRange:
    """The client's second frame: ``v100..178``, or ``v100`` alone, and options after a space."""
    match = _VERSIONS.fullmatch(payload.decode("ascii", "replace"))
    if match is None:
        raise ProtocolError(f"the client's versions are {payload[:40]!r}; a range such as v157..178 was expected")
    lowest, highest, options = match.groups()
    return VersionRange(lowest=int(lowest), highest=int(highest or lowest), options=options or "")


def encode_versions(versions: VersionRange) -> bytes:
    """What a client sends before anything else, with the greeting."""
    options = f" {versions.options}" if versions.options else ""
    return GREETING + frame(f"v{versions.lowest}..{versions.highest}{options}".encode())
