"""``python -m asyncify``."""

from asyncify.cli import main

main()
