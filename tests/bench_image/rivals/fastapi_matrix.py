"""FastAPI: rows of numbers, typed by pydantic. Served by uvicorn[standard], so with uvloop and httptools."""

import os
import pickle

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
with open(os.environ["BENCH_MODEL"], "rb") as file:
    model = pickle.load(file)


class Request(BaseModel):
    instances: list[list[float]]


@app.post("/predict")
def predict(request: Request):
    return {"predictions": model.predict(np.array(request.instances)).tolist()}


@app.post("/predict-in-the-loop")
async def predict_in_the_loop(request: Request):
    return {"predictions": model.predict(np.array(request.instances)).tolist()}
