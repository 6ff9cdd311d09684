"""One controller for each kind: observe reads the world into a frozen snapshot, decide belongs to `core`."""
