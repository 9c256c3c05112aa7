"""Training: walk-forward fits, out-of-sample scores, and their quality, as one resumable run; and their audit."""

from tidegate.train.dataset import Dataset, assemble
from tidegate.train.lookahead import RecipeAudit, audit_recipe, lookahead_subject
from tidegate.train.trainer import train

__all__ = ["Dataset", "RecipeAudit", "assemble", "audit_recipe", "lookahead_subject", "train"]
