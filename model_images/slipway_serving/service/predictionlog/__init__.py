"""The prediction log: a row for each prediction, as Parquet files in a store, without a request ever waiting for it.

A request leaves what it knows in a bounded queue (`queue`). One thread makes columns of it (`rows`) and writes them
into a file of the spool, a directory of the pod (`writer`, `spool`); another takes finished files to the store
(`uploader`, `store`). What is lost on the way is counted (`counters`). docs/prediction-log.md has the columns.
"""
