#!/bin/sh
# quisait-backups FOLDER DAYS: make a backup now and each day after, and delete those older than DAYS.
# One that fails is tried again in an hour; quisait says why, and quisait_backup_age_seconds grows.
set -eu
while :; do
    wait_s=86400
    quisait backup "$1/$(date +%F-%H%M%S)" || wait_s=3600
    find "$1" -mindepth 1 -maxdepth 1 -mtime "+$2" -exec rm -r {} +
    # In the background, so that a signal ends it at once.
    sleep "$wait_s" &
    wait $!
done
