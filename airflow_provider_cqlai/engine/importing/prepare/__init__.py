"""Rows -> encoded rows of the statements that write them."""
