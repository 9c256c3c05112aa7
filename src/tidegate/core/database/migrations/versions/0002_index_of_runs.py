"""An index for listing the runs of a project."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index."""
    op.create_index("runs_by_project", "runs", ["project", "kind", "started_at"])
