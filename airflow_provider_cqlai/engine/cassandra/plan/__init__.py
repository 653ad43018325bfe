"""How a table is read: columns, statements, token ranges, time windows."""
