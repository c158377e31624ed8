"""The imitation of Interactive Brokers, in its own vocabulary."""
