"""Training: walk-forward fits, out-of-sample scores, and their quality, as one resumable run."""

from tidegate.train.dataset import Dataset, assemble
from tidegate.train.trainer import train

__all__ = ["Dataset", "assemble", "train"]
