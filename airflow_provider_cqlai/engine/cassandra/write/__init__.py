"""Sends encoded rows in messages and has each one confirmed."""
