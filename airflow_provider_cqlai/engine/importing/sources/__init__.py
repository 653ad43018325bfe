"""Finds the Parquet files of a user's paths, and handles what is odd about their bytes."""
