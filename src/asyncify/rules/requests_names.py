"""Names of requests, refusal codes and edits that the parts of the rule share."""

from __future__ import annotations

import ast

from asyncify.model import DropImport, Edit, Reason, Refusal, Span
from asyncify.rules.base import RefusalCode
from asyncify.rules.facts import Facts
from asyncify.rules.support import import_of

VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")
SESSION_VERBS = (*VERBS, "send")
SESSION = "requests.Session"
# Sessions of other libraries that only prepare requests in their own way, and leave the sending to requests.Session.
UNSENT = frozenset(
    f"grequests.{name}" for name in "get options head post put patch delete request AsyncRequest".split()
)
"""What makes a request that is sent later, on the session that it is given."""
OF_OTHERS = (
    "requests_toolbelt.sessions.BaseUrlSession",
    "requests_oauthlib.OAuth1Session",
    "requests_oauthlib.OAuth2Session",
)
SESSIONS = frozenset({SESSION, *OF_OTHERS})
# Their methods that make requests of their own, and read the answers.
TOKEN_METHODS = frozenset({"fetch_token", "refresh_token", "fetch_request_token", "fetch_access_token"})
TOKENS = frozenset(f"{session}.{name}" for session in OF_OTHERS[1:] for name in TOKEN_METHODS)
FUNCTIONS = frozenset(f"requests.{verb}" for verb in VERBS)
METHODS = frozenset(f"{session}.{verb}" for session in SESSIONS for verb in SESSION_VERBS)

# Attributes of a session that do no I/O; they mean the same on aio_requests.Session, which inherits them.
PLAIN_ATTRIBUTES = frozenset(
    [
        "headers",
        "auth",
        "cookies",
        "params",
        "verify",
        "cert",
        "proxies",
        "hooks",
        "stream",
        "max_redirects",
        "trust_env",
        "adapters",
        "mount",
        "close",
        "get_adapter",
        "prepare_request",
        "merge_environment_settings",
        "get_redirect_target",
        "should_strip_auth",
        "rebuild_method",
        "rebuild_auth",
        "rebuild_proxies",
        "__attrs__",
        "__class__",
        "__dict__",
        # of sessions of other libraries
        "base_url",
        "create_url",
        "token",
        "authorized",
        "authorization_url",
        "client_id",
        "scope",
        "new_state",
        "access_token",
        "parse_authorization_response",
        "token_from_fragment",
        "register_compliance_hook",
    ]
)
ASSERTIONS = frozenset(
    f"unittest.TestCase.assert{what}"
    for what in "Equal NotEqual Is IsNot IsNone IsNotNone IsInstance NotIsInstance True False".split()
)
"""What of a test case only compares what it is given, or looks at its class."""
# External callables that look at a session without using it, or keep it where the index follows it.
HARMLESS = frozenset(
    [
        "builtins.isinstance",
        "builtins.id",
        "builtins.repr",
        "builtins.print",
        "builtins.bool",
        "builtins.type",
        "builtins.hasattr",
        "builtins.setattr",
        "builtins.list.append",
        "builtins.dict",
        "builtins.dict.get",
        "builtins.dict.pop",
        "builtins.dict.setdefault",
        "builtins.dict.update",
        "builtins.str",
        "builtins.zip",
        "itertools.product",
        "itertools.repeat",
        *ASSERTIONS,
    ]
)

STREAMING = RefusalCode(
    "streaming",
    "The body is streamed.",
    "Read the whole body (drop stream=True), or keep this function synchronous and call it through asyncio.to_thread.",
)
SESSION_ESCAPES = RefusalCode(
    "session-escapes",
    "The session reaches code that asyncify does not see.",
    "Give that code a session of its own, or make the request here.",
)
SESSION_FROM_OUTSIDE = RefusalCode(
    "session-from-outside",
    "The session comes from code that asyncify does not see.",
    "Include the code that makes the session in the scan, or create the session here.",
)
UNUSED_SESSION = RefusalCode(
    "unused-session",
    "No request is made on this session in the code that was scanned.",
    "Remove the session if nothing uses it, or include the code that does in the scan.",
)
PRINTED = RefusalCode(
    "printed-traffic",
    "The program prints what its requests send and receive.",
    "Take the setting of `debuglevel` out, and log the requests and responses themselves where they are needed.",
)
UNCLEAR_CALL = RefusalCode(
    "unclear-call",
    "What is called here may be requests or something else.",
    "Call requests directly, or give the two cases two call sites.",
)


def refuse(code: RefusalCode, span: Span, message: str = "") -> Refusal:
    text = message or code.title
    return Refusal(code.code, span, text, code.remedy, Reason(text, span))


def imports(facts: Facts, span: Span, func: ast.expr, reason: Reason) -> list[Edit]:
    """The import of the support module, and the old name dropped if it is orphaned."""
    root = func
    while isinstance(root, ast.Attribute):
        root = root.value
    edits: list[Edit] = [import_of(facts.file(span.path).source, "aio_requests", span, reason)]
    if isinstance(root, ast.Name):
        edits.append(DropImport(span, reason, root.id))
    return edits


def named_in_requests(facts: Facts, path: str, node: ast.expr) -> str:
    """What requests itself calls the thing that the expression names by an import: ``Session`` or ``session``."""
    if isinstance(node, ast.Attribute):
        return node.attr
    local = node.id if isinstance(node, ast.Name) else None
    for statement in facts.nodes(path, ast.ImportFrom):
        for alias in statement.names:
            if (alias.asname or alias.name) == local and (statement.module or "").partition(".")[0] == "requests":
                return alias.name
    return ""
