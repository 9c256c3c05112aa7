"""The rotation strategy a second time, as plain as its rules, to hold the compiled one against."""

from tidegate.strategy.reference.decide import decide_plainly
from tidegate.strategy.reference.exposure import observe
from tidegate.strategy.reference.state import Close, Memory, Past, PlainDecision, add_up

__all__ = ["Close", "Memory", "Past", "PlainDecision", "add_up", "decide_plainly", "observe"]
