"""A verification or comparison as one JSON object: ``{"schema": "asyncify.verify/1", …}``.

Memory in bytes, times in seconds. Outputs of the program are not in it, differences of behaviour are. All numbers are
finite: what cannot be divided is null. :data:`SCHEMA_FILE` beside this module is its JSON Schema.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from asyncify.verify.measure import Run
from asyncify.verify.result import Comparison, Measured, Metric, VerifyResult
from asyncify.verify.services import Figures

SCHEMA = "asyncify.verify/1"
SCHEMA_FILE = "verify.schema.json"


def verify_json(result: VerifyResult, *, samples: bool = False) -> str:
    """A verification as text, indented; with `samples`, memory over time too."""
    return _text(verify_document(result, samples=samples))


def comparison_json(comparison: Comparison, *, samples: bool = False) -> str:
    """Variants side by side as text, indented; with `samples`, memory over time too."""
    return _text(comparison_document(comparison, samples=samples))


def _text(document: dict[str, Any]) -> str:
    # ASCII only: what a command or a file name holds cannot reach a terminal.
    return json.dumps(document, indent=2, allow_nan=False, ensure_ascii=True) + "\n"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def verify_document(result: VerifyResult, *, samples: bool = False) -> dict[str, Any]:
    """The object for a verification."""
    return {
        "schema": SCHEMA,
        "ok": result.ok,
        "variants": [_variant(each, samples) for each in (result.before, result.after)],
        "ratios": {
            each.metric.value: {
                "value": _finite(each.value), "low": _finite(each.low), "high": _finite(each.high)
            }
            for each in result.ratios
        },
        "behaviour": {
            "same": result.behaviour.same,
            "compared": [aspect.value for aspect in result.behaviour.compared],
            "unstable": [aspect.value for aspect in result.behaviour.unstable],
            "patterns": [
                {"pattern": each.pattern, "replacement": each.replacement} for each in result.behaviour.patterns
            ],
            "differences": [
                {"aspect": each.aspect.value, "message": each.message, "diff": each.diff}
                for each in result.behaviour.differences
            ],
        },
        "gates": [
            {"name": each.name, "metric": each.metric.value, "limit": each.limit, "value": _finite(each.value),
             "met": each.met}
            for each in result.gates
        ],
        "notes": list(result.notes),
    }  # fmt: skip


def comparison_document(comparison: Comparison, *, samples: bool = False) -> dict[str, Any]:
    """The object for variants side by side."""
    return {"schema": SCHEMA, "variants": [_variant(each, samples) for each in comparison.variants]}


def _variant(measured: Measured, samples: bool) -> dict[str, Any]:
    floor = measured.floor
    return {
        "name": measured.name,
        "command": list(measured.command),
        "median": {metric.value: measured.median(metric) for metric in Metric},
        "interval": {metric.value: list(measured.interval(metric)) for metric in Metric},
        "sampling": measured.sampling,
        "floor": {"memory": floor.memory, "cpu": floor.cpu} if floor else None,
        "requests": measured.requests,
        "most_in_flight": measured.most_in_flight,
        "memory_per_request": measured.memory_per_request,
        "cpu_per_request": measured.cpu_per_request,
        "service": _service(measured.service),
        "runs": [_run(run, samples) for run in measured.runs],
    }


def _service(figures: Figures | None) -> dict[str, Any] | None:
    """What the clients of a service saw: the medians of the runs."""
    return asdict(figures) if figures else None


def _run(run: Run, samples: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "exit_code": run.exit_code,
        "wall": run.wall,
        "cpu": run.cpu,
        "peak": run.peak,
        "kernel_peak": run.kernel_peak,
        "pss_peak": run.pss_peak,
        "uss_peak": run.uss_peak,
        "most_threads": run.most_threads,
        "most_sockets": run.most_sockets,
        "left_behind": run.left_behind,
        "sampler_cpu": run.sampler_cpu,
    }
    if samples:
        document["samples"] = [
            {
                "at": each.at,
                "rss": each.rss,
                "threads": each.threads,
                "processes": each.processes,
                "cpu": each.cpu,
                "pss": each.pss,
                "uss": each.uss,
                "sockets": each.sockets,
            }
            for each in run.samples
        ]
    return document
