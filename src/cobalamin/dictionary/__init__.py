"""What each variable means, and whether a table agrees with it."""
