"""The gate: what leaves the room, and how it is written."""
