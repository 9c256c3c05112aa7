"""Several pipelines over one history as one, so that one audit looks at all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from tidegate.core.history import History
from tidegate.core.pipeline import Claim, Claimant, Pipeline, Stage

__all__ = ["Together"]

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Together:
    """Runs each of several pipelines; keys and names of claims begin with the pipeline's name and a slash.

    Parameters
    ----------
    pipelines
        Name to pipeline.

    Examples
    --------
    >>> from tidegate.testing.leaks.leak import Formulas, momentum
    >>> from tidegate.testing.leaks.markets import daily_market
    >>> both = Together({name: Formulas(formulas={"momentum": momentum}) for name in ("one", "two")})
    >>> [stage.keys for stage in both.run(daily_market(7))]
    [('one/momentum',), ('two/momentum',)]
    """

    pipelines: Mapping[str, Pipeline]

    def run(self, history: History) -> Iterable[Stage]:
        """Yield the stages of each."""
        for name, pipeline in self.pipelines.items():
            for stage in pipeline.run(history):
                yield _renamed(stage, name)

    def claims(self, history: History) -> Iterable[Claim]:
        """Yield the claims of each that makes any."""
        for name, pipeline in self.pipelines.items():
            if isinstance(pipeline, Claimant):
                for claim in pipeline.claims(history):
                    yield replace(claim, name=f"{name}/{claim.name}")


def _renamed(stage: Stage, name: str) -> Stage:
    def prefixed(declared: Mapping[str, _Value]) -> dict[str, _Value]:
        return {f"{name}/{key}": value for key, value in declared.items()}

    return replace(
        stage,
        keys=tuple(f"{name}/{key}" for key in stage.keys),
        lookback_bars=prefixed(stage.lookback_bars),
        bounds=prefixed(stage.bounds),
        maximum_ages=prefixed(stage.maximum_ages),
        neutrals=prefixed(stage.neutrals),
        masks={f"{name}/{key}": f"{name}/{flag}" for key, flag in stage.masks.items()},
    )
