"""Survival curves, their tests, areas and bands."""
