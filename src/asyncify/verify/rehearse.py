"""Before a verification: choose the answers to the program's requests, and record them if need be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asyncify.errors import UsageError
from asyncify.verify.compare import Variant, run_once
from asyncify.verify.replay.gateway import Gateway
from asyncify.verify.sources import folder_of


@dataclass(frozen=True, slots=True)
class Answers:
    """What is wanted: a `cassette` to read or write, whether to `record` one anew, and to stay `offline`.

    ``ports`` and ``ignored`` are those of :class:`~asyncify.verify.replay.gateway.Gateway`.
    """

    cassette: Path | None = None
    record: bool = False
    offline: bool = False
    redact: bool = True
    ports: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @property
    def wanted(self) -> bool:
        """Whether requests are to be answered by us at all."""
        return self.cassette is not None or self.record or self.offline

    @property
    def recording(self) -> bool:
        """Whether the real servers have to be asked first."""
        return self.record or (self.cassette is not None and not self.cassette.exists())

    def check(self) -> None:
        """Raise :class:`UsageError` for wishes that contradict each other."""
        if self.offline and self.record:
            raise UsageError("--record asks the real servers, --offline never does")
        if self.offline and self.recording:
            raise UsageError(f"no such cassette: {self.cassette} (--offline does not record one)")


@contextmanager
def rehearsed(answers: Answers, before: Variant, timeout: float) -> Iterator[tuple[Gateway, tuple[str, ...]]]:
    """A gateway that plays back, and what the reader should know of it. Records with a run of `before` where it has to.

    Raises:
        UsageError, InputError: contradicting wishes, a cassette that cannot be read or written.
        ServerError: the process of the gateway did not start.
    """
    answers.check()
    gateway = Gateway(
        answers.cassette,
        record=answers.recording,
        command=before.command,
        folder=folder_of(before.source),
        ports=answers.ports,
        ignored=answers.ignored,
    )
    with gateway:
        notes = [_led(gateway)]
        if answers.recording:
            notes += _record(gateway, answers, before, timeout)
        elif answers.cassette:
            notes.append(f"Requests were answered from {answers.cassette}.")
        else:
            notes.append("There was no network and no recording: no request could be answered.")
        yield gateway, tuple(notes)


def _record(gateway: Gateway, answers: Answers, before: Variant, timeout: float) -> Sequence[str]:
    run = run_once(before, timeout=timeout, server=gateway)
    problems = gateway.traffic().problems
    tape = gateway.finish(answers.cassette, redact=answers.redact)
    kept = f"in {answers.cassette}" if answers.cassette else "for this verification only (--cassette FILE keeps them)"
    notes = [
        f"{tape.exchanges} requests to the real servers were recorded {kept}; the measured runs were answered by it."
    ]
    if tape.redacted:
        notes.append(f"Secrets were redacted in {tape.redacted} of them (--no-redact keeps secrets).")
    if run.exit_code != 0:
        ending = "took too long" if run.timed_out else f"ended with exit code {run.exit_code}"
        notes.append(f"The run that was recorded {ending}.")
    return [*notes, *(f"While recording: {problem}" for problem in problems)]


def _led(gateway: Gateway) -> str:
    if gateway.mechanism == "namespace":
        return "The program ran in a network of its own, where every host was the local replay server."
    return (
        "Python's sockets and curl were led to the local replay server; other programs, and sockets that are not Python's "
        f"(uvloop, gevent, pycurl), would have found the real network. A network of its own was not to be had: {gateway.reason}."
    )
