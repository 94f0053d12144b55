"""Readers of public data sets, for training and benchmarks. Each takes an explicit path; none is needed to run."""
