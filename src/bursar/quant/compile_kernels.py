"""Compile every kernel of the room and cache it: `python -m bursar.quant.compile_kernels`, once at set-up.

The cache lies beside the sources, or where NUMBA_CACHE_DIR says.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator


def compile_kernels() -> Iterator[str]:
    """Import the files of `bursar.quant.kernels` one after another, and yield the name of each once it is ready."""
    package = importlib.import_module("bursar.quant.kernels")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
        yield module.name


def main() -> None:
    """Print each file of kernels as it becomes ready."""
    for name in compile_kernels():
        sys.stdout.write(f"compiled {name}\n")


if __name__ == "__main__":
    main()
