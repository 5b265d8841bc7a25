"""Reports of runs: figures and one self-contained page."""

from equilearn.report.findings import Findings, write_findings
from equilearn.report.page import write_report

__all__ = ["Findings", "write_findings", "write_report"]
