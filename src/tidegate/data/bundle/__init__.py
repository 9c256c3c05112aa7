"""Bundles: data sets of a catalog in one file that can be carried to a machine without a network, and proven there."""

from tidegate.data.bundle.build import Bundle, build_bundle
from tidegate.data.bundle.importing import Imported, ImportedFile, import_bundle
from tidegate.data.bundle.manifest import BundleFile, BundleManifest, BundleScope

__all__ = [
    "Bundle",
    "BundleFile",
    "BundleManifest",
    "BundleScope",
    "Imported",
    "ImportedFile",
    "build_bundle",
    "import_bundle",
]
