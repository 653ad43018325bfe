"""Everything that a caller can set, each option explained at its field."""
