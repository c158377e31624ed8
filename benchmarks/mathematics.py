"""The mathematics against the libraries that one would take instead: `python -m benchmarks.mathematics [--json]`.

Every contender starts from the same inputs in the same run. Words limit the run to some groups of lines:
`python -m benchmarks.mathematics portfolios`. `--docs` writes the figures and plots of docs/performance.md.
"""

from __future__ import annotations

import os
import sys

# One thread for everybody, before anything loads a BLAS: the claims are about work, not about cores.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

from benchmarks import _harness, _mathematics_statistics, _plots, _portfolios  # noqa: E402  # threads are set first

PEERS = ("mathematics",)

GROUPS = {"portfolios": _portfolios.results, "statistics": _mathematics_statistics.results}


def main(arguments: list[str]) -> int:
    """Run the groups that are named, or all."""
    unknown = [word for word in arguments if not word.startswith("--") and word not in GROUPS]
    if unknown:
        raise SystemExit(f"no group {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    wanted = [word for word in arguments if word in GROUPS] or list(GROUPS)
    lines = [line for group in wanted for line in GROUPS[group](quick="--quick" in arguments)]
    if "--docs" in arguments:
        _plots.write_page(lines)
    return _harness.report(lines, arguments)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
