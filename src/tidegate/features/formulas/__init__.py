"""The formulas, by subject: each declaration stands beside the function that computes it."""
