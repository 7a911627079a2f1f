"""Recurrent events."""
