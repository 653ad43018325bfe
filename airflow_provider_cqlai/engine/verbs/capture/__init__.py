"""CAPTURE: prepared queries, whether they fit together, and where their rows go."""
