"""The runner: works through one state machine, whoever does them, and a manifest of every step."""
