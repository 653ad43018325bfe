"""What an import will do, decided before the first write."""
