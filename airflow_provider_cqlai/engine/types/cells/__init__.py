"""What a CQL type and its cells are; imported by everything else about types."""
