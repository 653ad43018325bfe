"""The database end: sessions, plans, pages, the codec between pages and record batches, and writes."""
