"""BentoML as its quickstart has it: a class, an API method, an array."""

import os
import pickle

import bentoml
import numpy as np


@bentoml.service(workers=1)
class Model:
    def __init__(self) -> None:
        with open(os.environ["BENCH_MODEL"], "rb") as file:
            self.model = pickle.load(file)

    @bentoml.api
    def predict(self, instances: np.ndarray) -> np.ndarray:
        return self.model.predict(instances)
