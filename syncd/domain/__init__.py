"""Pure nouns: synchronous, no I/O; time and randomness arrive as arguments."""
