"""The stairwell: reads the protocol and puts the steps in order; no statistics."""
