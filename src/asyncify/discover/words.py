"""Which files of a tree spell a word: every text is taken apart once, and each question is a look-up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from asyncify.index.project import SourceFile

_WORD = re.compile(r"\w+")
_BLANKED = bytes(code if code > 127 or chr(code).isalnum() or code == ord("_") else ord(" ") for code in range(256))
"""UTF-8 with a blank for every ASCII character that no word has."""


class Words:
    """The words of each file, wherever they stand: letters, digits and underscores, as ``\\w+`` reads them."""

    def __init__(self, sources: Sequence[SourceFile]) -> None:
        self._sources = sources
        self._words: list[set[bytes]] | None = None  # in the order of the files
        self._known: dict[str, frozenset[str]] = {}

    def spelling(self, word: str) -> frozenset[str]:
        """Paths of the files in which the word stands as a whole."""
        found = self._known.get(word)
        if found is None:
            found = self._known[word] = frozenset(self._spelling(word))
        return found

    def any_of(self, words: Iterable[str]) -> frozenset[str]:
        """Paths of the files that spell one of the words at least."""
        return frozenset[str]().union(*map(self.spelling, words))

    def _spelling(self, word: str) -> Iterator[str]:
        if self._words is None:
            self._words = list(_words_of(self._sources))
        pieces = {piece.encode(errors="surrogatepass") for piece in _WORD.findall(word)}
        # What is no single word (a file name with a dash) has to stand there as it is.
        whole = None if len(pieces) == 1 and _WORD.fullmatch(word) else re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
        if whole is None:
            (piece,) = pieces
            yield from (s.path for s, words in zip(self._sources, self._words, strict=True) if piece in words)
            return
        for source, words in zip(self._sources, self._words, strict=True):
            if pieces <= words and whole.search(source.text):
                yield source.path


def _words_of(sources: Iterable[SourceFile]) -> Iterator[set[bytes]]:
    shared: dict[bytes, bytes] = {}  # one object for each word, however many files have it
    for source in sources:
        # As the regular expression would, and much faster: it is asked only for what holds other letters than ASCII has.
        words = set(source.text.encode(errors="surrogatepass").translate(_BLANKED).split())
        if not source.text.isascii():
            mixed = [piece for piece in words if not piece.isascii()]
            words.difference_update(mixed)
            for piece in mixed:
                found = _WORD.findall(piece.decode(errors="surrogatepass"))
                words.update(word.encode(errors="surrogatepass") for word in found)
        yield set(map(shared.setdefault, words, words))
