"""Write docs/gateway-fidelity.md from the message tables: python scripts/gateway_fidelity.py."""

from __future__ import annotations

from pathlib import Path

from bursar.gateway.fidelity import page

PAGE = Path(__file__).resolve().parent.parent / "docs" / "gateway-fidelity.md"

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
