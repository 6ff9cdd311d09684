"""Objects of an S3 store, by Arrow's client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, cast

from slipway.files.patterns import directory_of, ends, is_pattern, matches
from slipway.files.s3 import path_of, refused, s3

from slipway_pipelines.faults import DataFault, TransientFault

TABLES = (".csv", ".csv.gz", ".parquet", ".parquet.gz")
"""How the names of files end that a directory stands for."""


def listed(uri: str, credentials: Mapping[str, str]) -> list[str]:
    """The objects that a URI means, sorted; one without * that is no directory means itself.

    Raises:
        DataFault: the store refuses.
        TransientFault: the store does not answer.
    """
    from pyarrow import fs

    path = path_of(uri)
    store = s3(credentials)
    with _answering(uri):
        if not is_pattern(path):
            if store.get_file_info(path).type is not fs.FileType.Directory:
                return [uri]
            files = _below(store, path)
            found = [one for one in files if ends(one, path, TABLES)]
        else:
            found = [one for one in _below(store, directory_of(path)) if matches(one, path)]
    return [f"s3://{one}" for one in sorted(found)]


def opened(uri: str, credentials: Mapping[str, str]) -> IO[bytes]:
    """The object as a stream. Raises as `listed` does."""
    with _answering(uri):
        return cast(IO[bytes], s3(credentials).open_input_stream(path_of(uri), compression=None))


def _below(store: Any, directory: str) -> list[str]:
    from pyarrow import fs

    selector = fs.FileSelector(directory, recursive=True, allow_not_found=True)
    return [str(one.path) for one in store.get_file_info(selector) if one.type is fs.FileType.File]


@contextmanager
def _answering(uri: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise DataFault("SourceUnreadable", f"{uri}: there is no such object") from error
    except OSError as error:
        final = refused(error)
        kind, reason = (DataFault, "SourceRefused") if final else (TransientFault, "SourceUnavailable")
        raise kind(reason, f"{uri}: {error}; check secretRef of the source") from error
