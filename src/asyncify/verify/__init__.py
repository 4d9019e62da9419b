"""The other half of asyncify: run before and after, compare what they do and what they cost.

:func:`verify` for two versions of a program, :func:`compare` for any number of variants, :class:`LocalServer` for a
local server that records the requests it gets.
"""

from __future__ import annotations

from asyncify.verify.behaviour import (
    TRACEBACK,
    Aspect,
    Behaviour,
    Difference,
    Observation,
    Pattern,
    compare_behaviour,
)
from asyncify.verify.compare import Progress, Variant, compare, verify
from asyncify.verify.measure import Run, Sample, measure
from asyncify.verify.result import (
    Comparison,
    Floor,
    Gate,
    Measured,
    Metric,
    Ratio,
    VerifyResult,
    ratio,
)
from asyncify.verify.server import GENERIC_ROUTES, LocalServer, RecordingServer, SeenRequest, ServerError, Traffic
from asyncify.verify.sources import Revision, Snapshot, Source

__all__ = [
    "GENERIC_ROUTES",
    "TRACEBACK",
    "Aspect",
    "Behaviour",
    "Comparison",
    "Difference",
    "Floor",
    "Gate",
    "LocalServer",
    "Measured",
    "Metric",
    "Observation",
    "Pattern",
    "Progress",
    "Ratio",
    "RecordingServer",
    "Revision",
    "Run",
    "Sample",
    "SeenRequest",
    "ServerError",
    "Snapshot",
    "Source",
    "Traffic",
    "Variant",
    "VerifyResult",
    "compare",
    "compare_behaviour",
    "measure",
    "ratio",
    "verify",
]
