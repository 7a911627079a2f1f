"""Estimates in, exhibits and pages out; never a person."""
