"""``import tidegate`` stays light: other programs pay for it at every start."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

HEAVY = (
    "alembic",
    "deltalake",
    "exchange_calendars",
    "jinja2",
    "lightgbm",
    "numpy",
    "optuna",
    "pandas",
    "plotly",
    "polars",
    "psutil",
    "pyarrow",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "torch",
    "xgboost",
)
BUDGET_CPU_SECONDS = 0.5
ROUNDS = 5

PROBE = """
import json, sys, time
{statement}
print(json.dumps({{"cpu_seconds": time.process_time(), "modules": sorted(sys.modules)}}))
"""


def probe(statement: str) -> dict[str, Any]:
    command = [sys.executable, "-c", PROBE.format(statement=statement)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def heavy_modules(statement: str) -> list[str]:
    return sorted(set(HEAVY) & set(probe(statement)["modules"]))


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert heavy_modules("import tidegate") == []


def test_the_probe_sees_a_heavy_module() -> None:
    assert heavy_modules("import numpy") == ["numpy"]


def test_importing_the_command_line_loads_no_model_or_plot_library() -> None:
    pytest.importorskip("tidegate.cli", reason="the command line is not built yet")
    late = {"deltalake", "exchange_calendars", "lightgbm", "optuna", "pandas", "plotly", "scipy", "sklearn", "torch"}
    late |= {"xgboost"}

    assert sorted(late & set(probe("import tidegate.cli")["modules"])) == []


def test_importing_the_package_takes_well_under_half_a_second_of_processor_time() -> None:
    bare = min(probe("pass")["cpu_seconds"] for _ in range(ROUNDS))
    with_package = min(probe("import tidegate")["cpu_seconds"] for _ in range(ROUNDS))
    print(f"import tidegate: {1000 * (with_package - bare):.1f} ms of processor time")

    assert with_package - bare < BUDGET_CPU_SECONDS
