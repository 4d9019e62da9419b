"""What the process that answers is told, and what it answers first."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """What the process is told.

    ``cassette`` is a file to play, ``None`` to record. ``ports`` are more ports that the program asks, perhaps with an
    address (``"8000"``, ``"127.0.0.1:8000"``). ``isolate`` asks for a network of its own, where ``bundles`` are covered.
    """

    scratch: str
    cassette: str | None = None
    record: bool = False
    ports: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    isolate: bool = True
    bundles: tuple[str, ...] = ()
    addresses: dict[str, str] = field(default_factory=dict)
    authority: str | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """What the process answers: the port of this machine where it listens, and the network it made, if any.

    ``redirected`` are local addresses that are the cassette's, ``unknown`` host names that do not exist in it.
    """

    port: int
    authority: str
    redirected: tuple[str, ...]
    unknown: tuple[str, ...]
    owner: int | None = None
    user: bool = False
    reason: str = ""  # why there is no network of its own
