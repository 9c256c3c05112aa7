"""Search under constraints: parameter sets and trained models held against each other by backtest, and what luck did."""
