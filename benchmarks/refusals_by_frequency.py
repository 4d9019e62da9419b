"""What becomes of the requests sites of real projects, and what most often keeps them.

    python benchmarks/refusals_by_frequency.py TREE... [--examples 2]

For each tree: the sites of `requests` (calls, sessions, exceptions caught) outside tests by verdict. Then the refusals of all trees by code: how many there
are, in how many trees, and with ``--examples`` where. Nothing is written into the trees.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from asyncify import api
from asyncify.config import load
from asyncify.model import Plan, Refusal, Verdict

RULES = frozenset({"requests", "futures_session"})
VERDICTS = (Verdict.EXACT, Verdict.REVIEW, Verdict.BRIDGE, Verdict.KEEP, Verdict.REFUSE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", type=Path, nargs="+", metavar="TREE")
    parser.add_argument("--examples", type=int, default=0)
    arguments = parser.parse_args()
    names = _names(arguments.trees)
    refusals: dict[str, list[tuple[str, Refusal]]] = defaultdict(list)
    totals: Counter[Verdict] = Counter()
    print("| project | " + " | ".join(VERDICTS) + " |\n|-|" + "-:|" * len(VERDICTS))
    for name, tree in sorted(zip(names, arguments.trees, strict=True)):
        plan = api.scan([tree.resolve()], load(tree.resolve())).plan
        verdicts = requests_sites(plan)
        totals += verdicts
        print(f"| {name} | " + " | ".join(str(verdicts[each]) for each in VERDICTS) + " |", flush=True)
        for refusal in plan.refusals:
            refusals[refusal.code].append((name, refusal))
    print("| all | " + " | ".join(str(totals[each]) for each in VERDICTS) + " |\n")
    print("| code | refusals | projects |\n|-|-:|-:|")
    for code, found in sorted(refusals.items(), key=lambda item: (-len(item[1]), item[0])):
        print(f"| `{code}` | {len(found)} | {len({name for name, _ in found})} |")
        for name, refusal in found[: arguments.examples]:
            print(f"    {name} {refusal.span}: {refusal.message}")


def requests_sites(plan: Plan) -> Counter[Verdict]:
    """How many sites there are outside tests, by verdict."""
    return Counter(site.verdict for site in plan.sites if site.rule in RULES and not _of_tests(site.span.path))


def _of_tests(path: str) -> bool:
    parts = Path(path).parts
    return bool({"tests", "test", "docs", "examples"} & set(parts)) or parts[-1].startswith(("test_", "conftest"))


def _names(trees: Sequence[Path]) -> list[str]:
    """What a tree is called: by its folder, or by the one above where all folders have the same name."""
    same = len({tree.resolve().name for tree in trees}) < len(trees)
    return [(tree.resolve().parent if same else tree.resolve()).name for tree in trees]


if __name__ == "__main__":
    main()
