#!/bin/sh
# quisait-backups FOLDER DAYS: make a backup now and each day after, then delete those older than DAYS.
# A backup that fails is tried again in an hour, and older backups stay; quisait prints the reason,
# and quisait_backup_age_seconds grows.
set -eu
# The first process of a container ignores the signals that it does not trap.
trap 'exit 143' TERM INT
while :; do
    wait_s=3600
    if quisait backup "$1/$(date +%F-%H%M%S)"; then
        find "$1" -mindepth 1 -maxdepth 1 -mtime "+$2" -exec rm -r {} +
        wait_s=86400
    fi
    # In the background, so that a signal ends the wait at once.
    sleep "$wait_s" &
    wait $!
done
