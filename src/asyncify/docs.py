"""Documentation pages generated from the rules and codes: ``python -m asyncify.docs [--check] FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from asyncify.check.codes import CODES, NOTES
from asyncify.colour.faces import FACE_CODES
from asyncify.colour.fan_out import FAN_OUT_CODES
from asyncify.colour.on_loops import ON_A_LOOP
from asyncify.colour.pins import PIN_CODES
from asyncify.colour.solve import STAYS_SYNC
from asyncify.colour.structure import STRUCTURE_CODES
from asyncify.growth import TOO_CONNECTED
from asyncify.plan.left_out import NOT_NATIVE, ONLY_TESTS
from asyncify.rules.base import RefusalCode, Rule
from asyncify.rules.registry import refusal_codes, rules

_NOTE = "<!-- Generated from the sources by `python -m asyncify.docs docs`; do not edit. -->\n\n"
_OTHERS = (ON_A_LOOP, STAYS_SYNC, NOT_NATIVE, ONLY_TESTS, TOO_CONNECTED)


def all_codes() -> dict[str, RefusalCode]:
    """Every refusal code, those of the rules and those of the colouring."""
    general = {code.code: code for code in (*PIN_CODES, *STRUCTURE_CODES, *FACE_CODES, *FAN_OUT_CODES, *_OTHERS)}
    return dict(sorted((general | dict(refusal_codes())).items()))


def rule_page(rule: Rule) -> str:
    """The page of one rule."""
    codes = "".join(f"- [`{code.code}`](../refusals.md#{code.code}): {code.title}\n" for code in rule.refusals)
    tail = f"\n## Refusal codes\n\n{codes}" if codes else ""
    return f"{_NOTE}# {rule.title}\n\nRule `{rule.id}`. {rule.doc.strip()}\n{tail}"


def refusals_page() -> str:
    """The page of all refusal codes."""
    parts = [f"{_NOTE}# Refusals\n\nWhat asyncify leaves alone, why, and what you can do about it.\n"]
    parts += [f"\n## {code.code}\n\n{code.title}\n\nRemedy: {code.remedy}\n" for code in all_codes().values()]
    return "".join(parts)


def check_codes_page() -> str:
    """The page of what the check objects to, and of what it merely notes."""
    parts = [
        f"{_NOTE}# Codes of the check\n\nBefore anything is written, the changed tree is read again by code that knows "
        "nothing of the rewrite. A group with an objection is not written. What was wrong before is not counted.\n"
    ]
    for title, chosen in (("Objections", set(CODES) - NOTES), ("Notes", set(NOTES))):
        parts.append(f"\n## {title}\n\n")
        parts += [f"- `{code}`: {CODES[code]}\n" for code in sorted(chosen)]
    return "".join(parts)


def rules_page() -> str:
    """The table of contents of the rules."""
    rows = "".join(f"- [{rule.title}]({rule.id}.md)\n" for rule in rules().values())
    return f"{_NOTE}# Rules\n\nOne page for each library that asyncify knows.\n\n{rows}"


def pages() -> dict[str, str]:
    """All generated pages by their path below the docs folder."""
    out = {f"rules/{rule.id}.md": rule_page(rule) for rule in rules().values()}
    out["rules/index.md"] = rules_page()
    out["refusals.md"] = refusals_page()
    out["check-codes.md"] = check_codes_page()
    return out


def main(arguments: list[str]) -> int:
    """Write the pages, or with ``--check`` compare them with what is there."""
    check = "--check" in arguments
    folder = Path(next(a for a in arguments if not a.startswith("-")))
    stale = []
    expected = pages()
    for name, text in expected.items():
        path = folder / name
        if check:
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                stale.append(str(path))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    stale += [str(p) for p in (folder / "rules").glob("*.md") if f"rules/{p.name}" not in expected]
    for path_text in stale:
        print(f"{path_text} is not what the sources say: run python -m asyncify.docs {folder}")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
