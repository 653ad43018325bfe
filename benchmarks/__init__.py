"""Measures an export beside receiving the same pages undecoded, in the same run: ``make bench``."""
