"""What runs inside Slipway's training Jobs: acquire, validate, split, fit, evaluate, log, register."""
