"""The database end: sessions, plans, pages and the codec that turns pages into record batches."""
