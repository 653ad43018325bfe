"""The parts of an import: files to plans, plans to source rows, source rows to statements, and what became of them."""
