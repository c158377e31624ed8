"""The API: one module for each group of routes, all of them below /api/v1 and behind the gate."""
