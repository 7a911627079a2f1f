"""Tables that describe people."""
