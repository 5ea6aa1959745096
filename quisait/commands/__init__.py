"""The command line, by what a command is about."""
