"""Sampling designs: matched sets and case-cohort samples."""
