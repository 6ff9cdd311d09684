"""How the process with the rows and the one with the user's code speak: a header of JSON and a body of bytes, each way.

What comes from the user's side is read as JSON, as numbers without objects, or as bytes that nobody opens; a pickle
goes the other way only.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

MOST_HEADER = 1 << 20
MOST_BODY = 4 << 30


def send(connection: Connection, header: Mapping[str, Any], body: bytes = b"") -> None:
    """One message. Raises OSError where nobody listens any more."""
    connection.send_bytes(json.dumps(header).encode())
    connection.send_bytes(body)


def receive(connection: Connection) -> tuple[dict[str, Any], bytes]:
    """One message. Raises EOFError or OSError where nobody speaks any more, ValueError where it is no message."""
    header = json.loads(connection.recv_bytes(MOST_HEADER))
    body = connection.recv_bytes(MOST_BODY)
    if not isinstance(header, dict):
        raise ValueError("the header is no object")
    return header, body


def packed(array: np.ndarray) -> bytes:
    """An array of numbers or texts as bytes. Raises ValueError for one of other objects."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def unpacked(body: bytes) -> np.ndarray:
    """Back from the bytes; never runs code. Raises ValueError."""
    found: np.ndarray = np.load(io.BytesIO(body), allow_pickle=False)
    return found
