"""Posts and comments of social networks, from files."""

from tidegate.data.connectors.social.connector import SocialConnector
from tidegate.data.connectors.social.mapping import COUNTS
from tidegate.data.connectors.social.settings import PRESETS, Shape, SocialSettings

__all__ = ["COUNTS", "PRESETS", "Shape", "SocialConnector", "SocialSettings"]
