"""The part of `aio_support` for log lines that name the thread that wrote them."""

from __future__ import annotations

import logging
from typing import Any

from asyncify.support.aio_support_local import current_thread


class _Naming:
    """Makes log records that name the worker, or the task that was a thread."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self.inner(*args, **kwargs)
        if record.threadName is not None:  # not switched off by `logging.logThreads`
            me = current_thread()
            record.threadName, record.thread = me.name, me.ident
        return record


def naming_workers(log_format: str) -> str:
    """`log_format` as it is; log records from now on have the names and numbers of `current_thread()`."""
    if not isinstance(logging.getLogRecordFactory(), _Naming):
        logging.setLogRecordFactory(_Naming(logging.getLogRecordFactory()))
    return log_format
