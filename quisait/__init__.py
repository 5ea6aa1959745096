"""The assembled application: command line, settings, and the one place that names adapters."""
