"""Why rows of the prediction log wait, in the words that the operator reads from the metrics."""

from __future__ import annotations

import pytest
from obstore.exceptions import GenericError, PermissionDeniedError, UnauthenticatedError
from slipway_serving.service.exposition import Page
from slipway_serving.service.predictionlog.counters import (
    ACCESS,
    CERTIFICATE,
    PLACE,
    UNREACHABLE,
    Counters,
    store_fault,
)


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (PermissionDeniedError("403"), ACCESS),
        (UnauthenticatedError("401"), ACCESS),
        (PermissionError("read-only"), ACCESS),
        (FileNotFoundError("NoSuchBucket"), PLACE),
        (GenericError("invalid peer certificate: UnknownIssuer"), CERTIFICATE),
        (GenericError("error sending request: connection refused"), UNREACHABLE),
    ],
)
def test_what_the_store_says_has_a_word_in_the_metrics(error: Exception, word: str) -> None:
    page, counters = Page({"rollout": "shop/fraud"}), Counters()
    counters.failing("uploader", store_fault(error))
    counters.render(page, 0, 0)
    assert f'slipway_prediction_log_failing{{rollout="shop/fraud",reason="{word}"}} 1' in page.text()
    counters.failing("uploader", "")
    page = Page({"rollout": "shop/fraud"})
    counters.render(page, 0, 0)
    assert 'slipway_prediction_log_failing{rollout="shop/fraud"} 0' in page.text()
