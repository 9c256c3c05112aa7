"""Foundations: time, units, errors, settings, panels, evidence, the workspace and its database."""
