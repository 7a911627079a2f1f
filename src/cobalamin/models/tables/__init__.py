"""Tables of counts and of person-time: what an epidemiologist computes before any model."""
