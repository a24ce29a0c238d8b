"""The published files of benchmarks, read and checked."""
