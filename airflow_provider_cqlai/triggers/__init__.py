"""Triggers of the cqlai provider."""
