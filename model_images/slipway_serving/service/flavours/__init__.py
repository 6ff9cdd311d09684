"""The flavours of MLflow models that a served image can load: one table, and one loader each."""
