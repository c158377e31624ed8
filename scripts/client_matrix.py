"""Write docs/clients.md from the evidence of a run: python scripts/client_matrix.py [build/prove.json]."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.e2e.client_matrix import page  # noqa: E402 - the tests are beside the scripts, not above them

PAGE = ROOT / "docs" / "clients.md"
EVIDENCE = ROOT / "build" / "prove.json"

if __name__ == "__main__":
    evidence = Path(sys.argv[1]) if len(sys.argv) > 1 else EVIDENCE
    PAGE.write_text(page(json.loads(evidence.read_text(encoding="utf-8"))), encoding="utf-8")
    print(f"wrote {PAGE}")
