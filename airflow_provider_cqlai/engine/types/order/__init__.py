"""Equal values and the server's order of values."""
