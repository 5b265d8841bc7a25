"""Reports of runs: figures and one self-contained page."""

from equilearn.equilibrium.verdict import Verdict, judge
from equilearn.report.explorer import write_explorer
from equilearn.report.findings import Findings, write_findings
from equilearn.report.solved import solution_findings

__all__ = ["Findings", "Verdict", "judge", "solution_findings", "write_explorer", "write_findings"]
