"""What could go wrong: limits, rules and the gate."""
