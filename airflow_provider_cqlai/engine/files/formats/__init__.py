"""How one file of a format is written: Parquet, JSON lines, CSV."""
