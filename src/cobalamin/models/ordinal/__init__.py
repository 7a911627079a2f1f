"""Regression for ordered outcomes: cumulative link models."""
