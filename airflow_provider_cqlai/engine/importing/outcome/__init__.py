"""What became of the rows: counts, the journal of finished row groups, rejected rows."""
