"""report.html: one file that opens offline, with a viewer, the pictures that went in, and every stage as pictures."""

from .content import InputPicture, Report, StageShots, report_of_run
from .page import asset, content_hash, page_head, render, viewer, viewer_policy, write_report

__all__ = [
    "InputPicture",
    "Report",
    "StageShots",
    "asset",
    "content_hash",
    "page_head",
    "render",
    "report_of_run",
    "viewer",
    "viewer_policy",
    "write_report",
]
