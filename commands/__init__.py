"""The commands of the command line, each thin over tools, agent or viewer."""
