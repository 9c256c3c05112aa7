"""``python -m tidegate`` and the ``tidegate`` command."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with its exit code."""
    try:
        from tidegate.cli import run

        exit_code = run(sys.argv[1:])
    except KeyboardInterrupt:  # while the program was being loaded
        exit_code = 130
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
