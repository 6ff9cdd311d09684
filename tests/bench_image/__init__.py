"""What images cost, as ratios within one run: `make bench-image`."""
