"""Reports: one HTML file per run that works offline, in English or Chinese, rises green or red."""

from tidegate.report.coverage import write_coverage_report
from tidegate.report.language import LANGUAGES, Language
from tidegate.report.readiness import write_readiness_report
from tidegate.report.search_markdown import search_markdown
from tidegate.report.theme import ColourScheme
from tidegate.report.write import write_report

__all__ = [
    "LANGUAGES",
    "ColourScheme",
    "Language",
    "search_markdown",
    "write_coverage_report",
    "write_readiness_report",
    "write_report",
]
