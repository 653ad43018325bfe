"""What the server tells of itself and of a table, before anything of it is read or written."""
