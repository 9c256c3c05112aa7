"""Bar files behind the contract of connectors, so that a recipe can collect from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from tidegate.core.config import Settings
from tidegate.core.errors import InputError
from tidegate.core.time import BarInterval
from tidegate.core.workspace import Workspace
from tidegate.data.catalog import Catalog
from tidegate.data.connectors.contract import Batch, Call, Task
from tidegate.data.connectors.ohlcv.ingest import bars_of
from tidegate.data.connectors.ohlcv.reading import find_files
from tidegate.data.connectors.ohlcv.settings import PRESETS, OhlcvSettings

__all__ = ["OhlcvConnector", "OhlcvConnectorSettings"]


class OhlcvConnectorSettings(Settings):
    """Bar files and what their columns mean; what is not given is the preset's."""

    path: str
    """A file, a folder or a glob: CSV, Parquet, Feather."""
    preset: Literal["tushare-daily", "yahoo-daily", "binance-klines"] | None = None
    """What a usual source's columns mean."""
    dataset: str | None = None
    """Name under which the bars are kept."""
    interval: BarInterval | None = None
    """Bar size: 5m, 1h, 1d."""
    symbol: str | None = None
    """The symbol of one file without a symbol column."""
    calendar: str | None = None
    """XNYS, XSHG, ... or 24/7."""
    timezone: str | None = None
    """Zone of times of day without an offset."""
    stamp: Literal["open", "close"] | None = None
    """The end of a bar that its time names."""
    adjust: Literal["none", "factor", "adj_close"] | None = None
    """What tells of dividends and splits."""


class OhlcvConnector:
    """Bars from files.

    Raises
    ------
    InputError
        If the settings name neither a preset nor what it would have said.
    """

    name: Final = "ohlcv"
    settings_type: Final = OhlcvConnectorSettings
    tables: Final = ("bars",)

    def __init__(self, settings: OhlcvConnectorSettings) -> None:
        self.settings = settings
        given = settings.model_dump(exclude={"path", "preset"}, exclude_none=True)
        base: dict[str, Any] = PRESETS[settings.preset] if settings.preset else {}
        try:
            self._bars = OhlcvSettings.model_validate({**base, **given})
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(
                found=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
                expected="a preset, or a data set and for daily bars a calendar",
                hint="for example preset: yahoo-daily",
            ) from None
        self.dataset = self._bars.dataset
        self._catalog: Catalog | None = None

    def attach(self, workspace: Workspace) -> None:
        """Remember where earlier bars lie: a back-adjusted history continues theirs."""
        self._catalog = Catalog(workspace)

    def tasks(self) -> Sequence[Task]:
        """Return one task: files of one source are understood together or not at all."""
        return [Task(member=Path(self.settings.path).name, what="bars")]

    def fetch(self, task: Task, call: Call) -> Iterator[Batch]:  # noqa: ARG002 - files need no patience
        """Yield the bars of all files."""
        if self._catalog is None:
            raise InputError(found="no workspace", expected="one to continue", hint="call attach(workspace) first")
        files, _ = find_files(self.settings.path)
        bars, rejected = bars_of(self._catalog, files, self._bars)
        yield Batch(table="bars", rows=bars, rejected=rejected)
