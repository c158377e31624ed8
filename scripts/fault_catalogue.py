"""Write docs/faults.md from the catalogue of faults: python scripts/fault_catalogue.py."""

from __future__ import annotations

from pathlib import Path

from bursar.gateway.faults.catalogue import page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "faults.md"

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
