"""Regression for outcomes without follow-up."""
