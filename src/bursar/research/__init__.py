"""What we think: features, analysts, strategies."""
