"""The estimator that these servers are given, as MLflow pickled it beside the model."""

import os
import pickle


def load():
    with open(os.environ["BENCH_MODEL"], "rb") as file:
        return pickle.load(file)
