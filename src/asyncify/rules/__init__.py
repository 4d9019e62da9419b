"""What asyncify knows of each library: one self-contained file per library, found by :mod:`asyncify.rules.registry`."""
