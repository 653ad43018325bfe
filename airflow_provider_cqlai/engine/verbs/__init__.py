"""What a caller runs: COPY TO, COPY FROM, CAPTURE, scripts of them, and the list of a dataset's files."""
