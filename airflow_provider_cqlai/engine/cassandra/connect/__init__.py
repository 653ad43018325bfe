"""Sessions: how they are opened, what fails on them, and how requests wait and are tried again."""
