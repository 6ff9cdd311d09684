"""BentoML with a table."""

import bentoml
import numpy as np
import pandas as pd
from pickled import load


@bentoml.service(workers=1)
class Model:
    def __init__(self) -> None:
        self.model = load()

    @bentoml.api
    def predict(self, instances: pd.DataFrame) -> np.ndarray:
        return self.model.predict(instances)
