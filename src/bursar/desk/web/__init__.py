"""The first page: what is owned, what waits for a tap, how the line is, and the switch that stops everything."""
