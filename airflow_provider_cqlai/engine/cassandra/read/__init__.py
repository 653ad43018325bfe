"""Planned SELECTs, page by page."""
