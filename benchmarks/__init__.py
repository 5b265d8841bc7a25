"""Benchmarks: `python -m benchmarks` measures everything and writes `docs/benchmarks.md`."""
