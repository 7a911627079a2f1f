"""Severity scores and combined indices: one file per instrument, with its citation and what of it is verified."""
