"""Maximising any likelihood, and what is said of the maximum."""
