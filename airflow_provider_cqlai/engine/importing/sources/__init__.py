"""A user's paths -> Parquet files, and what is odd about their bytes."""
