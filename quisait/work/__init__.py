"""The work of workers and administrators: crawls, reindexing, builds, mail, backups."""
