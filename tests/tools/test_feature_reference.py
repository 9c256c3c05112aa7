from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tidegate.core.recipe import FeatureSettings
from tidegate.core.time import DAILY, DAY, HOUR, MINUTE, BarInterval
from tidegate.features import CONTRACTS, Feature, FeatureContract, Newest, declared_contract, market_contract
from tidegate.features.custom import CALLS
from tidegate.features.reference import HEADINGS, reference_table


@pytest.fixture(scope="module")
def reference(project_root: Path) -> ModuleType:
    file = project_root / "tools" / "feature_reference.py"
    spec = importlib.util.spec_from_file_location("feature_reference", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_up_to_date(reference: ModuleType, language: str) -> None:
    page = reference.PAGES[language].read_text(encoding="utf-8")

    assert page == reference.render(language), "run: python tools/feature_reference.py"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_says_everything_of_every_feature(reference: ModuleType, language: str) -> None:
    lines = reference.render(language).splitlines()

    for name in CONTRACTS:
        interval = BarInterval("5m") if name == "crypto" else DAILY
        for feature in market_contract(name, interval).features:
            rows = [line for line in lines if line.startswith(f"| `{feature.name}` | `{feature.group}` |")]
            said = (f"| {feature.lookback_bars} |", feature.unit, feature.known_as, feature.mask or "")
            assert any(all(part in row for part in said) for row in rows), feature.name
    assert [name for name, spec in CALLS.items() if not any(spec.written in line for line in lines)] == []


def test_an_outdated_page_is_noticed(reference: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "PAGES", {"en": tmp_path / "features.md"})

    assert reference.main(["--check"]) == 1
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0


def test_words_without_a_place_for_the_tables_are_refused(
    reference: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "en.md").write_text("# Features", encoding="utf-8")
    monkeypatch.setattr(reference, "WORDS", tmp_path)

    with pytest.raises(SystemExit, match="must hold"):
        reference.render("en")


def test_a_row_says_ages_bounds_masks_and_sources() -> None:
    source = Newest(name="rates", table="funding", columns=(("rate", "rate"),), maximum_age=90 * MINUTE)
    flag = Feature(name="gone", group="quality", requires=("rate",), lookback_bars=1, description="1 | 0", unit="flag")
    rate = Feature(
        name="cost",
        group="derivatives",
        requires=("close", "rate"),
        lookback_bars=9,
        description="rate",
        unit="fraction",
        bound=0.5,
        mask="gone",
        neutral=0.0,
        known_as="fr",
    )
    lines = reference_table(FeatureContract((rate, flag), (source,))).splitlines()

    assert lines[0] == "2 features: `derivatives` 1, `quality` 1."
    assert lines[4] == (
        "| `cost` | `derivatives` | rate | fraction (± 0.5) | 9 | `bars`, `funding` | 90 min | 0, `gone` is 1 | `fr` |"
    )
    assert "1 \\| 0" in lines[5]
    assert len({len(heads) for heads in HEADINGS.values()}) == 1


@pytest.mark.parametrize(("age", "words"), [(2 * DAY, "2 d"), (9 * HOUR, "9 h"), (7, "7 us"), (40_000 * DAY, "")])
def test_ages_are_in_words(age: int, words: str) -> None:
    source = Newest(name="rates", table="funding", columns=(("rate", "rate"),), maximum_age=age)
    rate = Feature(
        name="cost", group="derivatives", requires=("rate",), lookback_bars=1, description="rate", unit="fraction"
    )

    assert f"| `funding` | {words} |  |" in reference_table(FeatureContract((rate,), (source,)))


def test_features_of_a_recipe_stand_in_the_table_too() -> None:
    """A user's own feature joins the documentation without touching the package."""
    table = reference_table(declared_contract(FeatureSettings(expressions={"my_bias": "close / mean(close, 20) - 1"})))

    assert "| `my_bias` | `price` | close / mean(close, 20) - 1 | number | 20 | `bars` |  |  |  |" in table
