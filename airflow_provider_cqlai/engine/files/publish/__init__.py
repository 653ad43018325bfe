"""How files become visible: all of a run key's together, or none."""
