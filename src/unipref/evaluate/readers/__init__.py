"""Reads and checks the published files of benchmarks."""
