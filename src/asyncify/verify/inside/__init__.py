"""What runs inside measured programs: modules without dependencies in a folder that their PYTHONPATH names.

``sitecustomize`` is imported by Python itself at its start. It does what variables of the environment ask for, then what the
``sitecustomize`` would have done that it hides.
"""

from pathlib import Path

FOLDER = Path(__file__).parent / "path"
"""The folder for PYTHONPATH."""
