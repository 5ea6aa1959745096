"""The assembled application: command line, settings, and the only place that names adapters."""
