"""Multi-state histories."""
