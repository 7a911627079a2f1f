"""Repeated measurements of one person: mixed models, marginal models, bounded scores, agreement."""
