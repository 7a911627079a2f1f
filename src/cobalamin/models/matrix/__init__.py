"""Formulas become matrices: parsing, coding, splines, complete rows."""
