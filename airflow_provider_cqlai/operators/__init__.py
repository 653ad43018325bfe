"""Operators of the cqlai provider."""
