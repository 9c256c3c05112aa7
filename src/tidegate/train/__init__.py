"""Training: walk-forward fits, out-of-sample scores, and their quality, as one resumable run."""

from tidegate.train.dataset import Dataset, assemble, read_training_panel
from tidegate.train.trainer import train

__all__ = ["Dataset", "assemble", "read_training_panel", "train"]
