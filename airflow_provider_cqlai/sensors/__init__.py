"""Sensors of the cqlai provider."""
