"""How the built-in models are fitted: arrays and networks in, fitted networks out; no files, no data sets."""
