"""Reads an import back from the table and compares it with the files."""
