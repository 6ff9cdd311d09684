"""From sources to the rows that a model may learn from: read, checked, deduplicated, divided, and told of."""
