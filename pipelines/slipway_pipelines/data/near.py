"""Step `near duplicates`: rows that are nearly the same, as clusters of bounded size."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from slipway_pipelines.columns import Columns
from slipway_pipelines.data.record import Record

if TYPE_CHECKING:
    import pandas as pd

Pairs = NDArray[np.int64]

NEIGHBOURS = 8
"""How many rows each row may name as its nearest; a pair counts where both name each other."""

LARGEST = 100
"""Rows of one cluster: a chain of small steps must not swallow the table."""

_PERMUTATIONS = 128
_SIMILAR = 0.7  # Jaccard similarity of 3-word shingles
_WORDS = re.compile(r"\w+")


def clustered(table: pd.DataFrame, columns: Columns, distance: float, record: Record) -> NDArray[np.int64]:
    """A number per row that nearly equal rows share; shape (rows,).

    Numbers: mutual neighbours within `distance`, the Euclidean distance of standardised features; categories must be
    equal. Texts: MinHash over shingles of three words, Jaccard similarity from 0.7. Where there are texts,
    they alone decide: numbers of different texts may well agree.
    """
    pairs = _alike_texts(table, columns) if columns.text else _near_numbers(table, columns, distance)
    clusters = _joined(len(table), pairs)
    sizes = np.bincount(clusters)
    many = sizes[sizes > 1]
    record.facts |= {"near_duplicates.rows": int(many.sum()), "near_duplicates.clusters": len(many)}
    if len(many):
        message = f"{int(many.sum())} rows are nearly the same as another one, in {len(many)} clusters of up to "
        record.note("NearDuplicates", f"{message}{int(many.max())}")
    if (many >= LARGEST).any():
        record.warn("NearDuplicateChains", f"clusters of more than {LARGEST} rows were cut; is the distance too large?")
    return clusters


def _near_numbers(table: pd.DataFrame, columns: Columns, distance: float) -> Pairs:
    """Pairs of rows that are among each other's nearest within the distance; none without numeric features."""
    from scipy.spatial import cKDTree

    numeric = [name for name in columns.numeric if name not in columns.windows]
    if not numeric:
        return np.empty((0, 2), np.int64)
    points = _points(table, columns, numeric, distance)
    tree = cKDTree(points, compact_nodes=False, balanced_tree=False)  # equal rows would cost a deep tree
    near = tree.query(points, k=min(NEIGHBOURS + 1, len(points)), distance_upper_bound=distance, workers=-1)[1]
    row = np.repeat(np.arange(len(points)), near.shape[1])
    pairs = np.column_stack([row, near.ravel()])
    pairs = pairs[(pairs[:, 1] < len(points)) & (pairs[:, 0] != pairs[:, 1])]
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    keys, times = np.unique(low * len(points) + high, return_counts=True)
    mutual = keys[times == 2]
    return np.column_stack([mutual // len(points), mutual % len(points)])


def _points(table: pd.DataFrame, columns: Columns, numeric: list[str], distance: float) -> NDArray[np.float64]:
    """Standardised numbers; a missing value, and each other category, is farther away than any near row."""
    numbers = table[numeric].to_numpy(float)
    missing = np.isnan(numbers)
    with np.errstate(all="ignore"):
        centre, spread = np.nanmean(numbers, axis=0), np.nanstd(numbers, axis=0)
    scaled = (numbers - np.nan_to_num(centre)) / np.where(spread > 0, spread, 1.0)
    far = 2 * distance
    codes = [table[name].factorize()[0].astype(float) * far for name in columns.categorical]
    return np.column_stack([np.where(missing, 0.0, scaled), missing[:, missing.any(axis=0)] * far, *codes])


def _alike_texts(table: pd.DataFrame, columns: Columns) -> Pairs:
    from datasketch import MinHash, MinHashLSH

    # A false candidate is compared at once, a missed one is lost: hence the weights of false positives and negatives.
    index = MinHashLSH(threshold=_SIMILAR, num_perm=_PERMUTATIONS, weights=(0.1, 0.9))
    sketches: dict[int, MinHash] = {}
    pairs: list[tuple[int, int]] = []
    texts = table[list(columns.text)].fillna("").agg(" ".join, axis=1)
    for row, text in enumerate(texts):
        shingles = _shingles(text)
        if not shingles:
            continue
        sketch = MinHash(num_perm=_PERMUTATIONS, seed=1)
        sketch.update_batch(shingles)
        near = [other for other in index.query(sketch) if sketch.jaccard(sketches[other]) >= _SIMILAR]
        pairs += [(int(other), row) for other in sorted(near)[:NEIGHBOURS]]
        sketches[row] = sketch
        index.insert(row, sketch)
    return np.array(pairs, np.int64).reshape(-1, 2)


def _shingles(text: str) -> list[bytes]:
    words = _WORDS.findall(text.lower())
    width = min(3, len(words))
    return sorted({" ".join(words[place : place + width]).encode() for place in range(len(words) - width + 1)} - {b""})


def _joined(rows: int, pairs: Iterable[Iterable[int]]) -> NDArray[np.int64]:
    """Union of pairs while a cluster stays within LARGEST."""
    parent, size = np.arange(rows), np.ones(rows, np.int64)

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = int(parent[row])
        return row

    for left, right in pairs:
        one, other = root(int(left)), root(int(right))
        if one != other and size[one] + size[other] <= LARGEST:
            parent[max(one, other)] = min(one, other)
            size[min(one, other)] += size[max(one, other)]
    return np.unique([root(row) for row in range(rows)], return_inverse=True)[1]
