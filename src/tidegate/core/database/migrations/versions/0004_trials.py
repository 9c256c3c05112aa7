"""Trials: what was tried on a market, so that luck can be told from skill."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, and the index by which trials of one stretch of time are found."""
    op.create_table(
        "trials",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("market", sa.String(200), primary_key=True),
        sa.Column("window_start", sa.BigInteger, primary_key=True),
        sa.Column("window_end", sa.BigInteger, primary_key=True),
        sa.Column("bars", sa.Integer, nullable=False),
        sa.Column("sharpe", sa.Double, nullable=True),
        sa.Column("excess_sharpe", sa.Double, nullable=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("run", sa.String(80), nullable=False),
        sa.Column("recipe_name", sa.String(64), nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
    )
    op.create_index("trials_by_market", "trials", ["market", "window_end", "window_start"])
