"""Whether the features of a model mean what they meant when it was trained, and whether its data looks as it did."""
