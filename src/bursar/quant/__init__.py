"""The mathematics: arrays in, arrays out. Knows no domain type."""
