"""BentoML as its quickstart has it: a class, an API method, an array."""

import bentoml
import numpy as np
from pickled import load


@bentoml.service(workers=1)
class Model:
    def __init__(self) -> None:
        self.model = load()

    @bentoml.api
    def predict(self, instances: np.ndarray) -> np.ndarray:
        return self.model.predict(instances)
