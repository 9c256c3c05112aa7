"""The connectors that ship, by the name typed after ``tidegate ingest``; each is imported when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tidegate.core.config import Settings, in_words
from tidegate.core.errors import InputError
from tidegate.data.connectors.contract import Connector

__all__ = ["CONNECTORS", "connector_settings", "make_connector"]

CONNECTORS: Final = {
    "ohlcv": "tidegate.data.connectors.ohlcv.connector:OhlcvConnector",
    "tushare": "tidegate.data.connectors.tushare:TushareConnector",
    "ccxt": "tidegate.data.connectors.exchange:ExchangeConnector",
    "binance-derivatives": "tidegate.data.connectors.binance_derivatives:BinanceDerivativesConnector",
    "binance-archive": "tidegate.data.connectors.binance_archive:BinanceArchiveConnector",
    "funding": "tidegate.data.connectors.funding_files:FundingFilesConnector",
    "macro": "tidegate.data.connectors.macro:MacroConnector",
    "events": "tidegate.data.connectors.events:EventsConnector",
    "social": "tidegate.data.connectors.social:SocialConnector",
    "orderbook-proxy": "tidegate.data.connectors.order_book_proxy:OrderBookProxyConnector",
    "corporate-actions": "tidegate.data.connectors.corporate_actions:CorporateActionsConnector",
    "lives": "tidegate.data.connectors.lives_files:LivesFilesConnector",
}
"""Name to ``module:class``."""


def make_connector(name: str, settings: Mapping[str, Any]) -> Connector:
    """Return a connector with these settings.

    Raises
    ------
    InputError
        If there is no such connector, or the settings do not fit it.
    """
    kind = _connector_class(name)
    try:
        return cast("Connector", kind(kind.settings_type.model_validate(dict(settings))))
    except ValidationError as error:
        raise _misfit(name, kind.settings_type, error.errors(include_url=False)[0]) from None


def connector_settings(name: str) -> type[Settings]:
    """Return the settings that a connector takes.

    Raises
    ------
    InputError
        If there is no such connector.
    """
    return cast("type[Settings]", _connector_class(name).settings_type)


def _misfit(name: str, kind: type[Settings], mistake: ErrorDetails) -> InputError:
    """Say what is wrong with a setting, in the words that command line and recipe share."""
    setting = ".".join(str(part) for part in mistake["loc"]) or "the settings"
    if mistake["type"] == "extra_forbidden":
        fields = ", ".join(kind.model_fields)
        return InputError(
            found=f"{name}: unknown setting {setting!r}", expected=f"one of {fields}", hint="check the spelling"
        )
    expected, hint = in_words(mistake, setting)
    given = "nothing" if mistake["type"] == "missing" else repr(mistake["input"])
    return InputError(
        found=f"{name}: {setting} is {given}",
        expected=expected,
        hint=f"{hint}; all settings: tidegate ingest {name} --help",
    )


def _connector_class(name: str) -> Any:
    if name not in CONNECTORS:
        raise InputError(
            found=f"connector {name!r}",
            expected=f"one of {', '.join(CONNECTORS)}",
            hint="list them: tidegate ingest --help",
        )
    module, _, attribute = CONNECTORS[name].partition(":")
    return getattr(import_module(module), attribute)
