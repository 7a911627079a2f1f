"""Competing risks."""
