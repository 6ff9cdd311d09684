"""FastAPI: rows of numbers, typed by pydantic. Served by uvicorn[standard], so with uvloop and httptools."""

import numpy as np
from fastapi import FastAPI
from pickled import load
from pydantic import BaseModel

app = FastAPI()
model = load()


class Request(BaseModel):
    instances: list[list[float]]


@app.post("/predict")
def predict(request: Request):
    return {"predictions": model.predict(np.array(request.instances)).tolist()}


@app.post("/predict-in-the-loop")
async def predict_in_the_loop(request: Request):
    return {"predictions": model.predict(np.array(request.instances)).tolist()}
