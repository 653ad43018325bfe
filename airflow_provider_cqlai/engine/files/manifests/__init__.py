"""What a dataset and its files say about themselves: manifests, the log of attempts, run keys, footers."""
