"""Proportional hazards: the partial-likelihood kernel and what is computed from it."""
