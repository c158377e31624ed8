"""The room loads fast, and its kernels compile where they are asked to."""

from __future__ import annotations

import subprocess
import sys

LIGHT_IMPORT = """
import sys, pkgutil, importlib
import bursar.quant
for module in pkgutil.iter_modules(bursar.quant.__path__):
    if module.name != "kernels":
        importlib.import_module("bursar.quant." + module.name)
print(sorted({"numba", "scipy", "cvxpy", "piqp", "highspy", "clarabel"} & set(sys.modules)))
"""


def test_importing_the_whole_room_loads_neither_the_compiler_nor_a_solver() -> None:
    found = subprocess.run([sys.executable, "-c", LIGHT_IMPORT], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_set_up_compiles_every_file_of_kernels() -> None:
    from bursar.quant.compile_kernels import compile_kernels, main

    names = list(compile_kernels())
    assert names == sorted(names)
    main()
