"""Write docs/failures.md from the scenarios that are tested: python scripts/failures.py."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.simulation.failures import page  # noqa: E402  found once the root is on the path

PAGE = ROOT / "docs" / "failures.md"

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
