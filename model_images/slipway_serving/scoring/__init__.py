"""Scores many rows with the model of a served image: Parquet in, Parquet out, part by part."""
