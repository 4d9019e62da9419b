"""Calls of the standard library whose results are objects of the standard library, whatever they are given.

A method call on such an object is never a call of a method of the project, even where the names are the same
(``log.info(...)``, ``pattern.search(...)``).
"""

from __future__ import annotations

from asyncify.index.catalogue import Signature

# Functions (and constructors) by the class of what they return.
_MADE_BY = {
    "logging.Logger": "logging.getLogger logging.Logger logging.Logger.getChild",
    "logging.Handler": "logging.StreamHandler logging.FileHandler logging.NullHandler logging.handlers.RotatingFileHandler",
    "re.Pattern": "re.compile",
    "re.Match": "re.match re.search re.fullmatch re.Pattern.match re.Pattern.search re.Pattern.fullmatch",
    "datetime.datetime": "datetime.datetime datetime.datetime.now datetime.datetime.utcnow datetime.datetime.today "
    "datetime.datetime.strptime datetime.datetime.fromtimestamp datetime.datetime.fromisoformat",
    "datetime.date": "datetime.date datetime.date.today datetime.date.fromisoformat",
    "datetime.timedelta": "datetime.timedelta",
    "pathlib.Path": "pathlib.Path pathlib.Path.cwd pathlib.Path.home pathlib.PurePath",
    "argparse.ArgumentParser": "argparse.ArgumentParser argparse._SubParsersAction.add_parser",
    "argparse._SubParsersAction": "argparse.ArgumentParser.add_subparsers",
    "argparse._ArgumentGroup": "argparse.ArgumentParser.add_argument_group argparse._ArgumentGroup.add_argument_group "
    "argparse.ArgumentParser.add_mutually_exclusive_group argparse._ArgumentGroup.add_mutually_exclusive_group",
    "argparse.Namespace": "argparse.ArgumentParser.parse_args argparse.Namespace",
    "builtins.tuple[argparse.Namespace, builtins.list[str]]": "argparse.ArgumentParser.parse_known_args",
    "configparser.ConfigParser": "configparser.ConfigParser configparser.RawConfigParser",
    "io.StringIO": "io.StringIO",
    "io.BytesIO": "io.BytesIO",
    "hashlib._Hash": "hashlib.new hashlib.md5 hashlib.sha1 hashlib.sha256 hashlib.sha512 hashlib.blake2b",
    "hmac.HMAC": "hmac.new",
    "urllib.parse.ParseResult": "urllib.parse.urlparse urllib.parse.urlsplit",
    "uuid.UUID": "uuid.uuid1 uuid.uuid3 uuid.uuid4 uuid.uuid5 uuid.UUID",
    "decimal.Decimal": "decimal.Decimal",
    "random.Random": "random.Random random.SystemRandom",
    "string.Template": "string.Template",
    "xml.etree.ElementTree.Element": "xml.etree.ElementTree.fromstring xml.etree.ElementTree.Element",
    "http.cookies.SimpleCookie": "http.cookies.SimpleCookie",
}


def library_objects() -> dict[str, Signature]:
    """The signatures of those calls."""
    return {name: Signature(kind) for kind, names in _MADE_BY.items() for name in names.split()}
