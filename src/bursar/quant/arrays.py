"""Arrays at the door of the room: what comes in is checked once, and named when it is wrong.

Every function returns a C-contiguous float64 array, the caller's own where it already is one. A check that fails
raises InputError with the argument, the entry and its value, so that the message alone tells what to mend.
The straight path is kept to a few numpy calls: these checks stand in front of solves that take 50 microseconds.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bursar.errors import InputError

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]

# A covariance is symmetric when its two halves agree to this share of the largest entry: sums that were taken in
# another order differ by a few units of rounding, a mistyped entry by far more.
SYMMETRY_TOLERANCE = 1e-10
# An eigenvalue may be negative by this share of the mean variance (rounding of a singular matrix), no further.
NEGATIVE_EIGENVALUE_TOLERANCE = 1e-8


def vector(name: str, values: ArrayLike, *, length: int | None = None, missing: bool = False) -> FloatArray:
    """One row of finite numbers.

    length   the number of entries asked for, where it is known
    missing  True lets NaN through; infinities never pass
    """
    array = _floats(name, values)
    if array.ndim != 1:
        raise InputError(f"{name} has shape {array.shape}; one dimension is needed")
    if length is not None and array.shape[0] != length:
        raise InputError(f"{name} has {array.shape[0]} entries; {length} are needed")
    return _finite(name, array, missing)


def matrix(
    name: str, values: ArrayLike, *, rows: int | None = None, columns: int | None = None, missing: bool = False
) -> FloatArray:
    """A table of finite numbers; `rows` and `columns` are checked where given, `missing` lets NaN through."""
    array = _floats(name, values)
    if array.ndim != 2:
        raise InputError(f"{name} has shape {array.shape}; two dimensions are needed")
    if rows is not None and array.shape[0] != rows:
        raise InputError(f"{name} has {array.shape[0]} rows; {rows} are needed")
    if columns is not None and array.shape[1] != columns:
        raise InputError(f"{name} has {array.shape[1]} columns; {columns} are needed")
    return _finite(name, array, missing)


def covariance(name: str, values: ArrayLike, *, size: int | None = None) -> FloatArray:
    """A covariance: square, finite, symmetric, positive semi-definite up to rounding.

    Returns the same numbers, made exactly symmetric where rounding had parted the halves.
    """
    array = matrix(name, values, rows=size, columns=size)
    if array.shape[0] != array.shape[1]:
        raise InputError(f"{name} has shape {array.shape}; a covariance is square")
    if array.shape[0] == 0:
        raise InputError(f"{name} is empty; one asset at least is needed")
    return _semidefinite(name, _symmetric(name, array))


def complete(array: FloatArray) -> bool:
    """Whether no entry is NaN or infinite; False also where squares overflow, so that a slower look must decide."""
    flat = array.ravel()
    with np.errstate(over="ignore", invalid="ignore"):
        return math.isfinite(flat.dot(flat))


def number(
    name: str,
    value: float,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
) -> float:
    """One finite number within [least, most] and strictly between `above` and `below`."""
    try:
        result = float(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is {value!r}; a number is needed") from error
    if not math.isfinite(result):
        raise InputError(f"{name} is {result}; a finite number is needed")
    if not (least <= result <= most and above < result < below):
        raise InputError(f"{name} is {result:g}; {_interval(least, most, above, below)} is needed")
    return result


def _floats(name: str, values: ArrayLike) -> FloatArray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} does not form an array of numbers: {error}") from error
    return np.ascontiguousarray(array) if array.ndim else array


def _finite(name: str, array: FloatArray, missing: bool) -> FloatArray:
    if complete(array):
        return array
    wrong = np.isinf(array) if missing else ~np.isfinite(array)
    if wrong.any():
        entry = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise InputError(f"{name}[{', '.join(map(str, entry))}] is {array[entry]}; a finite number is needed")
    return array


def _symmetric(name: str, array: FloatArray) -> FloatArray:
    if np.array_equal(array, array.T):
        return array
    gap = np.abs(array - array.T)
    i, j = (int(k) for k in np.unravel_index(int(gap.argmax()), gap.shape))
    if gap[i, j] > SYMMETRY_TOLERANCE * np.abs(array).max():
        raise InputError(f"{name} is not symmetric: [{i}, {j}] is {array[i, j]:g} and [{j}, {i}] is {array[j, i]:g}")
    return 0.5 * (array + array.T)


def _semidefinite(name: str, array: FloatArray) -> FloatArray:
    diagonal = array.diagonal()
    if diagonal.min() < 0:
        i = int(diagonal.argmin())
        raise InputError(f"{name}[{i}, {i}] is {diagonal[i]:g}; a variance is never negative")
    slack = NEGATIVE_EIGENVALUE_TOLERANCE * float(diagonal.sum()) / diagonal.size
    shifted = array.copy()
    shifted.flat[:: array.shape[0] + 1] += slack
    try:
        # Cholesky succeeds exactly when every eigenvalue lies above -slack, at a tenth of an eigenvalue's price.
        np.linalg.cholesky(shifted)
    except np.linalg.LinAlgError:
        eigenvalues, eigenvectors = np.linalg.eigh(array)
        if eigenvalues[0] < -slack:
            asset = int(np.abs(eigenvectors[:, 0]).argmax())
            raise InputError(
                f"{name} is not positive semi-definite: its least eigenvalue is {eigenvalues[0]:g}, "
                f"borne most by entry {asset}; moments.nearest_covariance mends it"
            ) from None
    return array


def _interval(least: float, most: float, above: float, below: float) -> str:
    parts = []
    if above > -math.inf:
        parts.append(f"above {above:g}")
    if least > -math.inf:
        parts.append(f"at least {least:g}")
    if below < math.inf:
        parts.append(f"below {below:g}")
    if most < math.inf:
        parts.append(f"at most {most:g}")
    return "a number " + " and ".join(parts)
