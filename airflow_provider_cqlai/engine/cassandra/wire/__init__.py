"""Bytes of the native protocol, where the package reads and writes them itself."""
