"""What developers run: a real local Cassandra and the demo. Not part of the installed package."""
