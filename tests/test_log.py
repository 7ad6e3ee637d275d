"""Logs hold allow-listed fields and nothing else."""

from __future__ import annotations

import logging

import pytest

from engine import log


def test_a_field_that_is_not_on_the_list_is_refused() -> None:
    with pytest.raises(ValueError, match="patient"):
        log.info("stored", patient="x")


def test_one_event_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("budstikke")
    logger.propagate = True
    with caplog.at_level(logging.INFO, logger="budstikke"):
        log.info("channel_started", channel="adt", port=2575)
    assert [record.getMessage() for record in caplog.records] == ["channel_started"]
