"""A run that continues a registered version with the rows that are new."""
