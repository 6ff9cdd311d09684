"""The Job of a Shadow stage: the answers of stable and candidate, pair by pair, from the prediction log."""
