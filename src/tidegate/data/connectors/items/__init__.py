"""What events and posts have in common: rows of files, their fields and times, names of symbols, batches."""

from tidegate.data.connectors.items.fields import Row, read_instant, refusal
from tidegate.data.connectors.items.gathering import Gathered, frame_of, payload_text
from tidegate.data.connectors.items.reading import Record, find_record_files, read_body, read_json_text, read_records
from tidegate.data.connectors.items.symbols import Pairs, SymbolNames

__all__ = [
    "Gathered",
    "Pairs",
    "Record",
    "Row",
    "SymbolNames",
    "find_record_files",
    "frame_of",
    "payload_text",
    "read_body",
    "read_instant",
    "read_json_text",
    "read_records",
    "refusal",
]
