"""Local and object storage, and files that are staged before they become visible."""
