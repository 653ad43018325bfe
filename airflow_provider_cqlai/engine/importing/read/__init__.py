"""The plan's files -> rows, with the place that each one came from."""
