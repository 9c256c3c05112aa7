"""Where compiled code is kept, and that it is never stale."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numba
import numpy as np
import pytest

from tidegate.core import compiled as module
from tidegate.core.compiled import cache_folder, compiled_before


def test_the_cache_lies_where_the_user_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    assert cache_folder().parent == tmp_path / "numba" / "tidegate"
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder().parent == tmp_path / "xdg" / "tidegate"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder().parent == tmp_path / ".cache" / "tidegate"


def test_a_home_that_cannot_be_written_to_is_no_obstacle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert cache_folder().is_relative_to(Path(tempfile.gettempdir()))


def test_a_change_in_any_compiled_source_leaves_the_old_code_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Numba looks at the file of a function alone; what it calls from other files may have changed."""
    (tmp_path / "core").mkdir()
    source = tmp_path / "core" / "kernel.py"
    source.write_text("from tidegate.core.compiled import compiled\n", encoding="utf-8")
    monkeypatch.setattr(module, "_PACKAGE", tmp_path)
    before = cache_folder()
    source.write_text("from tidegate.core.compiled import compiled\nx = 1\n", encoding="utf-8")
    assert cache_folder() != before
    (tmp_path / "core" / "plain.py").write_text("y = 2\n", encoding="utf-8")
    assert cache_folder() != before


def test_only_compiled_sources_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    monkeypatch.setattr(module, "_PACKAGE", tmp_path)
    before = cache_folder()
    (tmp_path / "core" / "plain.py").write_text("y = 2\n", encoding="utf-8")
    assert cache_folder() == before


def test_other_people_keep_their_cache() -> None:
    before = numba.config.CACHE_DIR
    module.compiled(_twice)
    assert before == numba.config.CACHE_DIR


def test_what_has_run_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert not compiled_before()
    place = cache_folder() / "somewhere"
    place.mkdir(parents=True)
    (place / "kernel.nbc").write_bytes(b"")
    assert compiled_before()


def test_an_empty_file_is_no_code(tmp_path: Path) -> None:
    """Numba reads it to its end and raises, which a command line takes for an interrupt."""
    whole, *empty = (tmp_path / "rotation" / name for name in ("a.nbc", "b.nbc", "a.nbi"))
    whole.parent.mkdir()
    whole.write_bytes(b"code")
    for file in empty:
        file.touch()
    module._drop_empty_files(tmp_path)
    assert list(whole.parent.iterdir()) == [whole]


def _twice(x: float) -> float:
    return 2.0 * x


def test_arithmetic_is_that_of_python() -> None:
    """No fused multiply-add: the last bit is that of two roundings."""
    values = np.random.default_rng(5).normal(size=(2000, 3))
    fused = module.compiled(_product_and_sum)
    assert [fused(*row) for row in values.tolist()] == [a * b + c for a, b, c in values.tolist()]


def _product_and_sum(a: float, b: float, c: float) -> float:
    return a * b + c
