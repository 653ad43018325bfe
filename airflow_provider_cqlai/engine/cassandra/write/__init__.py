"""Encoded rows -> messages, written and confirmed."""
