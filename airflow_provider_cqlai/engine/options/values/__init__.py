"""How values of options are read, checked and listed; every class of options uses it."""
