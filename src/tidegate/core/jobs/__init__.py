"""Jobs: long work in the background, in a table with leases. A second start of the same work is refused.

The table is the truth: whoever wants a job looks there, so nothing has to wake anybody up.
"""

from tidegate.core.jobs.identity import ProcessIdentity, identity_of, this_process
from tidegate.core.jobs.job import ALLOWED, UNDER_WAY, Job, JobStatus
from tidegate.core.jobs.lifeline import hold_lifeline
from tidegate.core.jobs.listener import JobListener, current_job
from tidegate.core.jobs.log import JobLog, follow_lines, read_last_lines
from tidegate.core.jobs.store import LEASE_SECONDS, JobStore

__all__ = [
    "ALLOWED",
    "LEASE_SECONDS",
    "UNDER_WAY",
    "Job",
    "JobListener",
    "JobLog",
    "JobStatus",
    "JobStore",
    "ProcessIdentity",
    "current_job",
    "follow_lines",
    "hold_lifeline",
    "identity_of",
    "read_last_lines",
    "this_process",
]
