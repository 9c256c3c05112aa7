"""The look-ahead audit of a whole recipe, on data of a workspace."""

from __future__ import annotations

from collections.abc import Callable

from tidegate.audit import Depth
from tidegate.core.evidence import Verdict
from tidegate.core.recipe import Recipe
from tidegate.core.workspace import Workspace
from tidegate.train import audit_recipe

FEW = Depth(prefixes=2, slices=0, silences=0)


def test_a_fold_is_looked_at_inside_its_test(fresh_workspace: Workspace, recipe: Callable[..., Recipe]) -> None:
    """Histories that end before it have no forecast to compare: the pipeline would refuse them."""
    small = recipe(models={"ridge": {}}, strategy={"scores": "ridge"}, labels={"horizon_bars": 5})
    audit = audit_recipe(fresh_workspace, small, depth=FEW, folds=1, workers=1)
    fold = audit.parts["fold 0"]

    assert audit.verdict is Verdict.PASSED
    assert fold.depth_run.prefixes == 2
    assert not any("refused" in one for one in (*fold.unknowns, *fold.shortfalls))
