"""Tests on a whole cluster, with the operator that the chart installed."""
