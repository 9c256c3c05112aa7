"""Scores of finished runs, ours and LEAN's alike, under a drawdown limit."""
