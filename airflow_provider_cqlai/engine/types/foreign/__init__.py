"""Arrow types of files that others wrote -> those that the encoder takes."""
