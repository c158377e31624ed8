"""The language: what a portfolio manager talks about, in values. Standard library only."""
