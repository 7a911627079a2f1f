"""Arrays in, Fit out: no file, no date, no code ever gets here."""
