"""Compiled loops. Only this folder imports numba; callers import from it inside a function, on first use.

A file here holds the loops of one noun. Each is a plain Python function under `@kernel(...)`, whose argument is its
one signature: it is compiled (or read from the cache) when its file is imported, never in the middle of a trading
day because an array came in another layout. To use one:

    def risk_parity(covariance):
        from bursar.quant.kernels.riskparity import budget_weights    # half a second for numba, once a process
        return budget_weights(covariance, ...)

`python -m bursar.quant.compile_kernels` imports every file here, and so fills the cache.
With NUMBA_DISABLE_JIT=1 every kernel is the plain function, for coverage and debugging.

A kernel calls only kernels of its own file: numba notices a changed file, but not a changed callee elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from numba import njit, types

P = ParamSpec("P")
R = TypeVar("R")

# The words of a signature: result(argument, ...). Arguments are read-only types, which accept writable arrays too;
# `vector_out` and `matrix_out` are results, and arguments that a kernel writes into.
real = types.float64
integer = types.int64
boolean = types.boolean
vector = types.Array(types.float64, 1, "C", readonly=True)
matrix = types.Array(types.float64, 2, "C", readonly=True)
integers = types.Array(types.int64, 1, "C", readonly=True)
booleans = types.Array(types.boolean, 1, "C", readonly=True)
vector_out = types.float64[::1]
matrix_out = types.float64[:, ::1]
integers_out = types.int64[::1]
nothing = types.void
several: Any = types.Tuple  # numba ships no types


def kernel(signature: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function for one signature, with the result cached on disk and the interpreter's lock released."""

    def compiled(function: Callable[P, R]) -> Callable[P, R]:
        dispatcher: Callable[P, R] = njit(signature, cache=True, nogil=True)(function)
        return dispatcher

    return compiled
