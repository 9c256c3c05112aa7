"""Labels: what came after each decision, with the span of time that each label is made of."""

from tidegate.labels.forward_return import Labels, forward_returns

__all__ = ["Labels", "forward_returns"]
