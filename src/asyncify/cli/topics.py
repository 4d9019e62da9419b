"""What there is to explain: rules, refusal codes, and the codes of the check."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from asyncify.check.codes import CODES, NOTES
from asyncify.docs import all_codes
from asyncify.rules.base import RefusalCode, Rule
from asyncify.rules.registry import rules


@dataclass(frozen=True, slots=True)
class Topic:
    """One page: under which heading it is listed, its name, a title of one line, and the page itself."""

    kind: str
    name: str
    title: str
    markdown: str


@cache
def topics() -> tuple[Topic, ...]:
    """All pages, in the order in which they are listed."""
    owners = {code.code: rule for rule in rules().values() for code in rule.refusals}
    return (
        *(Topic("Rules", rule.id, rule.title, _rule(rule)) for rule in rules().values()),
        *(
            Topic("Refusal codes", name, code.title, _refusal(code, owners.get(name)))
            for name, code in sorted(all_codes().items())
        ),
        *(Topic("Codes of the check", name, text, _check(name, text)) for name, text in sorted(CODES.items())),
    )


def _rule(rule: Rule) -> str:
    codes = "".join(f"- `{code.code}`: {code.title}\n" for code in rule.refusals)
    return f"# {rule.title}\n\n{rule.doc.strip()}\n" + (f"\n## Refusal codes\n\n{codes}" if codes else "")


def _refusal(code: RefusalCode, rule: Rule | None) -> str:
    origin = f"\n\nGiven by the rule `{rule.id}` (`asyncify explain {rule.id}`)." if rule else ""
    return f"# {code.code}\n\n{code.title}\n\n**What to do:** {code.remedy}{origin}\n"


def _check(name: str, text: str) -> str:
    effect = (
        "A note: the change may be written."
        if name in NOTES
        else "An objection: a group with it is not written. If your code was right before, this is a defect of "
        "asyncify; please report it."
    )
    return f"# {name}\n\n{text}\n\n{effect}\n"
