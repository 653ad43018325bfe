"""Writes record batches to the files of hive partitions, within a budget of bytes."""
