"""One file per claim, each measured against the best peer in the same run: `make bench`.

A benchmark is a module that runs as `python -m benchmarks.NAME --json`, prints one JSON object (the median of
interleaved runs with its interval), and exits 0 when the claim in its first line held. One that needs other libraries
names their environments, `PEERS = ("mathematics",)`: `make bench` builds each of them in `.venvs/NAME` from
requirements/bench-NAME.txt before the run, and the benchmark runs its peer with `.venvs/NAME/bin/python`.
"""
