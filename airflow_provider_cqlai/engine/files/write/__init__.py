"""Record batches -> hive partitions -> files, within a budget of bytes."""
