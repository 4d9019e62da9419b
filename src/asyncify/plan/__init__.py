"""From colours to groups of edits, and to refusals."""
