"""Reads the rows of the plan's files, with the place that each one came from."""
