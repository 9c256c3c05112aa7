"""A real object store for one test session: moto speaking S3 on a loopback port, gone afterwards."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from threading import Thread
from typing import Any

__all__ = ["Bucket", "CannotStartError", "object_storage"]

_BUCKET = "tidegate"
_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
_LISTENS = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")


class CannotStartError(RuntimeError):
    """The object store cannot run here; the message says why."""


@dataclass(frozen=True)
class Bucket:
    """A bucket on a running server."""

    endpoint: str
    _numbers: Iterator[int]

    def variables(self, *, prefix: str | None = None) -> Mapping[str, str]:
        """Return the environment of a catalog below a prefix of its own."""
        return {
            "TIDEGATE_CATALOG_URL": f"s3://{_BUCKET}/{prefix or f'catalog-{next(self._numbers)}'}",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
            **_KEYS,
        }

    def listing(self, prefix: str) -> list[str]:
        """Return the names below a prefix."""
        found = _client(self.endpoint).list_objects_v2(Bucket=_BUCKET, Prefix=prefix)
        return [entry["Key"] for entry in found["Contents"]]


@contextmanager
def object_storage() -> Iterator[Bucket]:
    """Start a server with an empty bucket and yield it."""
    absent = [name for name in ("moto", "boto3") if importlib.util.find_spec(name) is None]
    if absent:
        raise CannotStartError(f"no package {absent[0]}")
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        try:
            endpoint = _endpoint(server)
            # What it says later has to be read too, since a full pipe would stop it.
            Thread(target=deque, args=(server.stderr, 0), daemon=True).start()
            _client(endpoint).create_bucket(Bucket=_BUCKET)
            yield Bucket(endpoint, count())
        finally:
            server.terminate()
            server.wait()


def _client(endpoint: str) -> Any:
    import boto3

    return boto3.client("s3", endpoint_url=endpoint, **{name.lower(): value for name, value in _KEYS.items()})


def _endpoint(server: subprocess.Popen[str]) -> str:
    assert server.stderr is not None
    said = []
    for line in server.stderr:
        said.append(line)
        if found := _LISTENS.search(line):
            return found[1]
    raise CannotStartError(f"moto ended at once: {''.join(said)[-500:]}")
