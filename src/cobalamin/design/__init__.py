"""Who is followed, from when, for what."""
