"""Parameters given on the command line, by our names and by those of the original platform."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.core.errors import InputError
from tidegate.core.recipe import load_recipe
from tidegate.search.sets.overrides import with_overrides

BASE = load_recipe("us-rotation").trading()


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("risk_off_symbols=VGSH,IEF,GLD,TLT", "defensives", ("VGSH", "IEF", "GLD", "TLT")),
        ("defensive_symbol=vgsh", "defensives", ("VGSH",)),
        ("max_exposure=0.6", "max_exposure", 0.6),
        (" vol_target = 0.05 ", "volatility_target", 0.05),
        ("vol_window=30", "volatility_window", 30),
        ("volatility_window=none", "volatility_window", None),
        ("min_score=none", "minimum_score", None),
        ("minimum_score=-0.01", "minimum_score", -0.01),
        ("market_ma_window=150", "market_window", 150),
        ("max_turnover_week=0.1", "max_turnover", 0.1),
        ("risk_off_mode=bond", "risk_off", "defensive"),
        ("risk_off_mode=Cash", "risk_off", "cash"),
        ("risk_off_pick=lowest_vol", "defensive_pick", "lowest_volatility"),
        ("risk_off_pick=best_momentum", "defensive_pick", "best_momentum"),
        ("rebalance_frequency=monthly", "rebalance", "monthly"),
        ("rebalance_frequency=daily", "rebalance", "daily"),
        ("rebalance_day=Friday", "rebalance_day", "friday"),
        ("weighting=Equal", "weighting", "equal"),
        ("market_filter=false", "market_filter", False),
        ("market_filter=1", "market_filter", True),
        ("drawdown_exposures=0.45;0.3;0.2", "drawdown_exposures", (0.45, 0.3, 0.2)),
        ("drawdown_tiers=[0.05, 0.09, 0.12]", "drawdown_tiers", (0.05, 0.09, 0.12)),
        ("score_smoothing_alpha=0.3", "score_smoothing", 0.3),
    ],
)
def test_a_parameter_goes_by_our_name_or_theirs(text: str, field: str, value: Any) -> None:
    found = with_overrides(BASE, [text])

    assert getattr(found, field) == value
    assert found == BASE.model_copy(update={field: getattr(found, field)})


def test_parameters_are_judged_together() -> None:
    texts = ["drawdown_tiers=0.05,0.09", "drawdown_exposures=0.45,0.3", "risk_off_symbols=VGSH"]
    found = with_overrides(BASE, texts)

    assert (found.drawdown_tiers, found.drawdown_exposures, found.defensives) == ((0.05, 0.09), (0.45, 0.3), ("VGSH",))
    with pytest.raises(InputError, match="2 tiers and 3 exposures"):
        with_overrides(BASE, texts[:1])


def test_nothing_given_changes_nothing() -> None:
    assert with_overrides(BASE, []) == BASE


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["max_exposur=0.6"], "did you mean 'max_exposure'"),
        (["vol_targt=0.05"], "did you mean 'vol_target'"),
        (["risk_off_symbol_s=A"], "did you mean 'risk_off_symbol"),
        (["max_exposure"], "NAME=VALUE"),
        (["=0.6"], "NAME=VALUE"),
        (["max_exposure=1.5"], "max_exposure = 1.5 .* at most 1"),
        (["max_exposure="], "a number"),
        (["top_n=2.5"], "a whole number"),
        (["risk_off_mode=bonds"], "one of cash, benchmark, defensive"),
        (["rebalance_frequency=weakly"], "one of daily, weekly, monthly"),
        (["market_filter=perhaps"], "true or false"),
        (["vol_target=-1"], "volatility_target = -1 .* at least 0"),
        (["fee_bps=0"], "which is costs.commission_bps; .* costs, dates and data stay"),
        (["backtest_start=2020-01-01"], "which is backtest.start"),
        (["reload_scores=1"], "which is nothing that a strategy reads"),
        (["score_delay_days=1"], "write score_delay_bars=1"),
        (["legacy=1"], "--explain-legacy"),
        (["risk_off_symbols=A", "defensives=B"], "defensives a second time"),
    ],
)
def test_what_cannot_be_given_is_refused(texts: list[str], message: str) -> None:
    """D-06 for costs; equity A.1 for texts that the original read as something else in silence."""
    with pytest.raises(InputError, match=message):
        with_overrides(BASE, texts)
