"""The files that ``asyncify verify`` writes its result to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import click

from asyncify.errors import UsageError, WriteError
from asyncify.model import FileChange
from asyncify.report.html import Html
from asyncify.verify.result import Comparison, Measured, VerifyResult
from asyncify.verify.sources import Snapshot, Source, changes_between
from asyncify.write import find_root, last_groups

F = TypeVar("F", bound=Callable[..., object])
PNG_ZOOM = 2  # pixels of the picture for one of the SVG


def report_options(function: F) -> F:
    """Add the options that name files."""
    for name, parameter, text in (
        ("--png", "png_file", "Write the picture over time as PNG (needs asyncify-migrate[png])."),
        ("--svg", "svg_file", "Write the picture over time as SVG."),
        ("--html", "html_file", "Write the report to one self-contained HTML file."),
        ("--json", "json_file", "Write the result to a file (schema asyncify.verify/1)."),
    ):
        kind = click.Path(dir_okay=False, path_type=Path)
        function = click.option(name, parameter, metavar="FILE", type=kind, help=text)(function)
    return function


def write_verification(
    result: VerifyResult,
    before: Source,
    after: Path,
    *,
    json_file: Path | None,
    html_file: Path | None,
    svg_file: Path | None,
    png_file: Path | None,
) -> None:
    """Write all that was asked for. Raises :class:`WriteError`, :class:`UsageError`."""
    if json_file:
        from asyncify.report.verify_json import verify_json

        _write(json_file, verify_json(result, samples=True))
    if html_file:
        from asyncify.report.verify_html import verify_html

        _write(html_file, verify_html(result, _by_group(before, after)))
    _pictures((result.before, result.after), "Before and after", svg_file, png_file)


def write_comparison(
    comparison: Comparison,
    *,
    json_file: Path | None,
    html_file: Path | None,
    svg_file: Path | None,
    png_file: Path | None,
) -> None:
    """As :func:`write_verification`, for variants side by side."""
    if json_file:
        from asyncify.report.verify_json import comparison_json

        _write(json_file, comparison_json(comparison, samples=True))
    if html_file:
        from asyncify.report.verify_html import comparison_html

        _write(html_file, comparison_html(comparison))
    _pictures(comparison.variants, "Side by side", svg_file, png_file)


def _pictures(variants: Sequence[Measured], title: str, svg_file: Path | None, png_file: Path | None) -> None:
    if not svg_file and not png_file:
        return
    from asyncify.report.timeline_svg import Theme, timeline_svg

    if svg_file:
        _write(svg_file, timeline_svg(variants, title=title) + "\n")
    if png_file:
        _write(png_file, _png(timeline_svg(variants, title=title, theme=Theme.LIGHT)))


def _png(svg: Html) -> bytes:
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise UsageError("--png needs resvg-py: pip install 'asyncify-migrate[png]'; --svg needs nothing") from None
    return bytes(svg_to_bytes(svg_string=svg, zoom=PNG_ZOOM, sans_serif_family="DejaVu Sans"))


def _by_group(before: Source, after: Path) -> Mapping[str, Sequence[FileChange]]:
    """The files that differ, under the groups that the journal names for them."""
    changes = changes_between(before, after)
    root = find_root(after) if isinstance(before, Snapshot) else None
    if root is None:
        return {"": changes}
    prefix = after.relative_to(root).as_posix()
    groups = last_groups(root)
    found: dict[str, list[FileChange]] = {}
    for change in changes:
        names = groups.get(change.path if prefix == "." else f"{prefix}/{change.path}", ())
        title = f"Group {' and '.join(names)}" if names else "Edited since, or by hand"
        found.setdefault(title, []).append(change)
    return found


def _write(path: Path, content: str | bytes) -> None:
    try:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    except OSError as error:
        raise WriteError(f"{path}: {error.strerror or error}") from error
