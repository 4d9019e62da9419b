"""What apply says: a line per refused site (to search, to count, to click on), and what was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from asyncify.model import Plan, Verdict
from asyncify.report.text import counted, place, safe
from asyncify.report.views import ApplyView, ProblemView, UndoView


def refusal_lines(plan: Plan, held: Mapping[str, Sequence[ProblemView]] | None = None) -> Iterator[Text]:
    """``PATH:LINE refused CODE: message (remedy)``, by place; one line each, however long.

    ``held`` are the groups that the check objects to, with its objections: their sites stay as well.
    """
    said = {refusal.span for refusal in plan.refusals}
    lines = [
        (
            refusal.span,
            refusal.code,
            Text.assemble(safe(refusal.message), (" (", "dim"), safe(refusal.remedy, "dim"), (")", "dim")),
        )
        for refusal in plan.refusals
    ]
    lines += [
        (site.span, site.rule, safe(site.reason.text))
        for site in plan.sites
        if site.verdict is Verdict.REFUSE and site.span not in said
    ]
    for group, problems in (held or {}).items():
        first = min((problem for problem in problems if problem.fatal), key=lambda problem: problem.span)
        text = Text.assemble("the check objects to group ", safe(group), " at ", place(first.span))
        lines += [(site.span, first.code, text) for site in plan.sites if site.group == group]
    for span, code, text in sorted(lines, key=lambda line: line[:2]):
        yield Text.assemble(place(span), " refused ", safe(code, "red"), ": ", text)


def applied(result: ApplyView, plan: Plan, notes: Sequence[str]) -> Text:
    """What was written, and what is left to do by hand: conditions to read, and `notes` on configuration files."""
    done = [group for group in plan.groups if group.id in result.groups]
    sites = [site for group in done for site in group.sites]
    review = [site for site in sites if site.verdict is Verdict.REVIEW]
    written = len(result.changed) + len(result.created) + len(result.removed)
    size = (counted(len(done), "group"), counted(written, "file"), counted(len(sites), "site"))
    lines = [Text.assemble(("Written: ", "bold green"), ", ".join(size), ".")]
    lines += [safe(f"  new file {path}") for path in result.created]
    lines += [safe(f"  changed {path}") for path in result.changed if not path.endswith(".py")]
    for site in sorted(review, key=lambda site: site.span):
        condition = safe(site.condition or site.reason.text, "yellow")
        lines.append(Text.assemble("  review ", place(site.span), ": ", condition))
    lines += [Text.assemble(("To do by hand: ", "bold yellow"), safe(note)) for note in notes]
    lines.append(
        Text.assemble(
            ("asyncify undo", "bold"),
            " puts everything back; ",
            ("asyncify verify -- CMD", "bold"),
            " compares before and after.",
        )
    )
    return Text("\n").join(lines)


def restored(result: UndoView) -> Text:
    """What undo put back."""
    lines = [Text.assemble(("Put back: ", "bold green"), counted(len(result.restored), "file"), ".")]
    lines += [safe(f"  {path}") for path in result.restored]
    if result.untouched:
        lines.append(Text(f"{counted(len(result.untouched), 'file')} needed nothing."))
    lines += [
        safe(f"  edits of {path} were overwritten; the journal keeps them", "yellow") for path in result.overwritten
    ]
    return Text("\n").join(lines)
