"""Statistics of evidence, pure numpy and scipy.special."""
