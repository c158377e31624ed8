"""python -m tests.simulation: see ``many``, which has a name that its worker processes can import."""

from __future__ import annotations

import sys

from tests.simulation.many import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
