"""What runs inside the cluster beside the project: one module per add-on, each giving an `Addon`."""
