"""The user's training function: fetched in one container, run in another, asked by the one that has the rows."""
