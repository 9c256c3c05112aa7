from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def lint(project_root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("ambient_lint", project_root / "tools" / "ambient_lint.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


BANNED_SOURCES = {
    "time.time": "import time\ntime.time()",
    "time.time_ns": "import time\ntime.time_ns()",
    "time.perf_counter": "import time as clock\nclock.perf_counter()",
    "time.monotonic": "from time import monotonic",
    "time.process_time": "import time\ntime.process_time()",
    "datetime.datetime.now": "from datetime import UTC, datetime\ndatetime.now(UTC)",
    "datetime.datetime.utcnow": "import datetime\ndatetime.datetime.utcnow()",
    "datetime.datetime.today": "import datetime as dt\ndt.datetime.today()",
    "datetime.date.today": "from datetime import date as day\nday.today()",
    "pandas.Timestamp.now": "import pandas as pd\npd.Timestamp.now()",
    "random": "import random",
    "random.shuffle": "from random import shuffle",
    "numpy.random.default_rng": "import numpy as np\nnp.random.default_rng(1)",
    "numpy.random": "from numpy import random",
    "numpy.random.rand": "from numpy.random import rand",
    "secrets": "import secrets",
    "uuid.uuid4": "from uuid import uuid4",
    "os.environ": "import os\nos.environ['HOME']",
    "os.environ.get": "import os\nos.environ.get('HOME')",
    "os.getenv": "from os import getenv",
    "os.urandom": "import os\nos.urandom(8)",
}


@pytest.mark.parametrize(("name", "source"), BANNED_SOURCES.items(), ids=BANNED_SOURCES)
def test_each_banned_thing_is_caught_once(lint: ModuleType, name: str, source: str) -> None:
    findings = lint.check_source(source, Path("room.py"))

    assert [finding.message.split(" is ambient")[0] for finding in findings] == [name]
    assert "use tidegate.core." in findings[0].message


def test_a_banned_name_inside_a_function_or_default_is_caught(lint: ModuleType) -> None:
    source = "import time\n\ndef run(clock=time.monotonic):\n    import os\n    return os.getenv('A')\n"

    assert [finding.line for finding in lint.check_source(source, Path("room.py"))] == [3, 5]


def test_a_star_import_does_not_hide_it(lint: ModuleType) -> None:
    assert len(lint.check_source("from os import *", Path("room.py"))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import time\ntime.sleep(1)",
        "import os\nos.fsync(3)",
        "from datetime import datetime\ndatetime.fromisoformat('2024-01-01')",
        "import numpy as np\ndef draw(source: np.random.Generator) -> float:\n    return source.random()",
        "from tidegate.core.clock import now\nnow()",
        "def time(): ...\ntime()",
        "class View:\n    environ = 1\nView.environ",
    ],
)
def test_what_is_not_ambient_passes(lint: ModuleType, source: str) -> None:
    assert lint.check_source(source, Path("room.py")) == []


def test_an_exemption_with_a_reason_is_accepted(lint: ModuleType) -> None:
    source = "import os\nos.environ.setdefault('A', '1')  # ambient-ok: the library reads it once, at import\n"

    assert lint.check_source(source, Path("room.py")) == []


def test_an_exemption_on_any_line_of_the_expression_is_accepted(lint: ModuleType) -> None:
    source = "from os import (\n    getenv,  # ambient-ok: shown by the doctor\n)\n"

    assert lint.check_source(source, Path("room.py")) == []


@pytest.mark.parametrize("comment", ["# ambient-ok:", "# ambient-ok", "#ambient-ok:   "])
def test_an_exemption_without_a_reason_is_an_error(lint: ModuleType, comment: str) -> None:
    findings = lint.check_source(f"import os\nos.getenv('A')  {comment}\n", Path("room.py"))

    assert [finding.message for finding in findings] == ["an exemption needs a reason: # ambient-ok: <reason>"]


def test_an_exemption_that_exempts_nothing_is_an_error(lint: ModuleType) -> None:
    findings = lint.check_source("x = 1  # ambient-ok: it was needed once\n", Path("room.py"))

    assert [finding.message for finding in findings] == ["this exemption exempts nothing; remove it"]


def test_an_exemption_inside_a_string_is_only_text(lint: ModuleType) -> None:
    findings = lint.check_source("import os\nos.getenv('# ambient-ok: no')\n", Path("room.py"))

    assert len(findings) == 1


def test_core_may_open_the_doors_and_its_neighbours_may_not(lint: ModuleType, tmp_path: Path) -> None:
    for room in ("core", "engine"):
        folder = tmp_path / "tidegate" / room / "inner"
        folder.mkdir(parents=True)
        (folder / "module.py").write_text("import secrets\n", encoding="utf-8")

    findings = lint.check_tree([tmp_path])

    assert [finding.path.parts[-3] for finding in findings] == ["engine"]


def test_the_tree_is_clean(project_root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "tools/ambient_lint.py"],
        cwd=project_root,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert done.stdout == "ambient lint: clean\n"


def test_what_cannot_be_read_is_not_taken_for_clean(lint: ModuleType) -> None:
    findings = lint.check_source("import (\n", Path("room.py"))

    assert [finding.message for finding in findings] == ["this is not Python: invalid syntax"]


def test_a_missing_path_is_not_taken_for_a_clean_one(lint: ModuleType, tmp_path: Path) -> None:
    assert lint.main([str(tmp_path / "absent")]) == 1
