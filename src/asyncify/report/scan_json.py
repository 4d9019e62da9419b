"""A scan as one JSON object (schema ``asyncify.scan/1``); fields are added, never changed, under the same number."""

from __future__ import annotations

import json
from typing import Any

from asyncify.model import Cost, Group, Reason, Refusal, Site
from asyncify.report.facts import functions_of, verdict_counts
from asyncify.report.savings import savings_json
from asyncify.report.views import DiagnosticView, ScanView

SCHEMA = "asyncify.scan/1"


def scan_json(scan: ScanView) -> str:
    """The scan as JSON text (ASCII only: what a file name holds cannot reach a terminal), ending with a newline."""
    plan = scan.plan
    savings = savings_json(plan)
    document = {
        "schema": SCHEMA,
        "files": scan.files,
        "lines": scan.lines,
        "seconds": round(scan.seconds, 3),
        "functions_changed": scan.functions_changed,
        "sites": [_site(site) for site in sorted(plan.sites, key=lambda site: (site.span, site.rule))],
        "groups": [_group(group, savings.get(group.id)) for group in plan.groups],
        "refusals": [
            _refusal(refusal) for refusal in sorted(plan.refusals, key=lambda refusal: (refusal.span, refusal.code))
        ],
        "diagnostics": [_diagnostic(diagnostic) for diagnostic in scan.diagnostics],
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _site(site: Site) -> dict[str, Any]:
    return {
        "rule": site.rule,
        "path": site.span.path,
        "line": site.span.line,
        "column": site.span.column,
        "function": site.function,
        "verdict": site.verdict.value,
        "reason": site.reason.text,
        "condition": site.condition,
        "group": site.group,
    }


def _group(group: Group, savings: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": group.id,
        "title": group.title,
        "reason": _chain(group.reason),
        "files": list(group.paths),
        "functions": list(functions_of(group)),
        "sites": len(group.sites),
        "edits": len(group.edits),
        "cost": _cost(group.cost),
        "pools": [
            {"path": bound.span.path, "line": bound.span.line, "workers": bound.workers} for bound in group.bounds
        ],
        "expected": savings,
        "cuts": [{"option": cut.option, **_cost(cut.cost)} for cut in group.cuts],
        "verdicts": {verdict.value: count for verdict, count in verdict_counts(group.sites).items()},
        "refusals": [_refusal(refusal) for refusal in group.refusals],
    }


def _cost(cost: Cost) -> dict[str, int]:
    return {"functions": cost.functions, "public": cost.public, "calls": cost.calls, "tests": cost.tests}


def _refusal(refusal: Refusal) -> dict[str, Any]:
    return {
        "code": refusal.code,
        "path": refusal.span.path,
        "line": refusal.span.line,
        "column": refusal.span.column,
        "message": refusal.message,
        "remedy": refusal.remedy,
        "reason": _chain(refusal.reason),
    }


def _chain(reason: Reason | None) -> list[dict[str, Any]]:
    return [
        {
            "text": link.text,
            "path": link.span.path if link.span else None,
            "line": link.span.line if link.span else None,
        }
        for link in (reason.chain() if reason else ())
    ]


def _diagnostic(diagnostic: DiagnosticView) -> dict[str, Any]:
    return {"path": diagnostic.path, "line": diagnostic.line, "message": diagnostic.message}
