"""A zoo of planted leaks: each is caught and named by the look-ahead audit, and its honest twin passes."""

from tidegate.testing.leaks.leak import Leak
from tidegate.testing.leaks.zoo import LEAKS

__all__ = ["LEAKS", "Leak"]
