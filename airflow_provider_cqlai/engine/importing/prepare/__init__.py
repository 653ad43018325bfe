"""Encodes source rows for the statements that write them."""
