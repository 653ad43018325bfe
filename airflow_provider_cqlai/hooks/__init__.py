"""Hooks of the cqlai provider."""
