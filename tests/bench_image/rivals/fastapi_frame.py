"""FastAPI: named columns, typed by pydantic."""

import pandas as pd
from fastapi import FastAPI
from pickled import load
from pydantic import BaseModel

app = FastAPI()
model = load()


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
