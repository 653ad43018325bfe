"""The type map: one row per CQL type."""
