#!/bin/sh
# Runs a command with the time of the processors that nothing else wants: scripts/aside.sh COMMAND...
#
# In a session of its own, so that it ends by `kill -- -PID`. Linux shares its time between sessions before it looks at
# what is in them, so the session is made light too, where that is so.
set -eu
light='{ echo 19 >/proc/self/autogroup; } 2>/dev/null || true
    chrt --idle 0 true 2>/dev/null && exec chrt --idle 0 "$@"
    exec nice -n 19 "$@"'
exec setsid sh -c "$light" aside "$@"
