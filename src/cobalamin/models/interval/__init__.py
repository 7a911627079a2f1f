"""Interval-censored onset."""
