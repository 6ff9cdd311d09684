"""FastAPI: named columns, typed by pydantic."""

import os
import pickle

import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
with open(os.environ["BENCH_MODEL"], "rb") as file:
    model = pickle.load(file)


class Row(BaseModel):
    amount: float
    country: str


class Request(BaseModel):
    instances: list[Row]


def answer(request: Request):
    table = pd.DataFrame([row.model_dump() for row in request.instances])
    return {"predictions": model.predict(table).tolist()}


@app.post("/predict")
def predict(request: Request):
    return answer(request)


@app.post("/predict-in-the-loop")
async def predict_in_the_loop(request: Request):
    return answer(request)
