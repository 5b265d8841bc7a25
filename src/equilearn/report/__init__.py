"""Reports of runs: figures and one self-contained page."""

from equilearn.report.page import write_report

__all__ = ["write_report"]
