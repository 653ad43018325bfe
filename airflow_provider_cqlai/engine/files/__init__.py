"""The file end: record batches into Parquet datasets, and how a result becomes visible."""
