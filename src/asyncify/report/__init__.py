"""What asyncify shows: tables and diffs for the terminal, JSON for machines, HTML for colleagues.

Reports are functions of results (see :mod:`asyncify.report.views`) that return :mod:`rich` renderables, text or
bytes; they read no file, print nothing and decide nothing. Source text, file names and messages are untrusted:
every one passes through :func:`asyncify.report.text.clean` on its way to a terminal and through
:mod:`asyncify.report.html` on its way to a browser.
"""
