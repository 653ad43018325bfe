"""Converts Arrow types of files that others wrote to those that the encoder takes."""
