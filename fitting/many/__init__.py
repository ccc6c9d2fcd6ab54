"""Many cells: parallel processes, a table and a page of all."""
