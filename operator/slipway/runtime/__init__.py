"""The event loop around the pure core: queue, store, reconciler, executor, lease."""
