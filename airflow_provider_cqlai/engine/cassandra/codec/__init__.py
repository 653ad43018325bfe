"""Decodes pages to record batches and encodes record batches to bound values, in Python and in native code."""
