"""How we reach the world: each module satisfies one port."""
