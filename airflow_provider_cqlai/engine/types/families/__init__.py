"""The type families: bytes of cells to Arrow and back, one file each."""
