"""BentoML with a table."""

import os
import pickle

import bentoml
import numpy as np
import pandas as pd


@bentoml.service(workers=1)
class Model:
    def __init__(self) -> None:
        with open(os.environ["BENCH_MODEL"], "rb") as file:
            self.model = pickle.load(file)

    @bentoml.api
    def predict(self, instances: pd.DataFrame) -> np.ndarray:
        return self.model.predict(instances)
