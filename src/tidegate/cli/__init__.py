"""The command line: every job of the Python API under the same name."""

from tidegate.cli.main import run

__all__ = ["run"]
