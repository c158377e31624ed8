"""Faults on command: a plan of what goes wrong, as values, and how it bends what clients hear and say.

``fault`` says when one strikes, ``of_line``, ``of_orders`` and ``of_gateway`` what there is, ``catalogue`` lists it.
``plans`` reads, writes and draws plans; ``state`` is a plan at work, ``line`` one conversation under it, and
``weather`` what is wrong with the gateway itself.
"""

from bursar.gateway.faults.catalogue import KINDS
from bursar.gateway.faults.fault import Fault, Trouble
from bursar.gateway.faults.line import Line
from bursar.gateway.faults.of_gateway import (
    CompetingSession,
    ConnectivityLost,
    FarmBroken,
    FarmInactive,
    Restart,
    SilentData,
    WeeklyLogin,
)
from bursar.gateway.faults.of_line import (
    ClockOff,
    Delay,
    Drop,
    Duplicate,
    EmptyAnswer,
    EndlessAccount,
    FalseCancel,
    LateCommission,
    Reorder,
    SentinelCommission,
    SlowReader,
    Swallow,
)
from bursar.gateway.faults.of_orders import CorrectExecution, FillAfterCancel, FillWhileAway, Reject
from bursar.gateway.faults.plans import Plan, plan, words_of
from bursar.gateway.faults.state import Faults

__all__ = [
    "KINDS",
    "ClockOff",
    "CompetingSession",
    "ConnectivityLost",
    "CorrectExecution",
    "Delay",
    "Drop",
    "Duplicate",
    "EmptyAnswer",
    "EndlessAccount",
    "FalseCancel",
    "FarmBroken",
    "FarmInactive",
    "Fault",
    "Faults",
    "FillAfterCancel",
    "FillWhileAway",
    "LateCommission",
    "Line",
    "Plan",
    "Reject",
    "Reorder",
    "Restart",
    "SentinelCommission",
    "SilentData",
    "SlowReader",
    "Swallow",
    "Trouble",
    "WeeklyLogin",
    "plan",
    "words_of",
]
