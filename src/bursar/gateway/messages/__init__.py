"""The messages of the protocol: declared once, as tables, from which readers and writers both come.

``kinds`` say how one value is written, ``layouts`` in which order, ``tables`` make readers and writers of that, and
``declare`` keeps the registry. ``values`` is what messages share, ``orders`` the three layouts of an order,
``requests`` what clients send and ``replies`` what they get.
"""

from bursar.gateway.messages import replies, requests  # all that is declared, is declared once these are there
from bursar.gateway.messages.declare import REPLIES, REQUESTS, number_of, read_reply, read_request, write
from bursar.gateway.messages.layouts import VERSIONS
from bursar.gateway.messages.orders import CompletedOrder, CompletedOrdersEnd, OpenOrder, OpenOrderEnd, PlaceOrder
from bursar.gateway.messages.requests import ABSENT

__all__ = [
    "ABSENT",
    "REPLIES",
    "REQUESTS",
    "VERSIONS",
    "CompletedOrder",
    "CompletedOrdersEnd",
    "OpenOrder",
    "OpenOrderEnd",
    "PlaceOrder",
    "number_of",
    "read_reply",
    "read_request",
    "replies",
    "requests",
    "write",
]
