#!/usr/bin/env bash
# Start a Slurm of one node on loopback, if it does not run yet, and print the path of its configuration:
#     export SLURM_CONF=$(tests/slurm/start.sh)
# Needs root, slurm-wlm and munge. tests/slurm/start.sh stop ends it. All its files are in one folder, FOLDER.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${STILTS_SLURM:-/tmp/stilts-slurm}
conf=$folder/slurm.conf
export SLURM_CONF=$conf

fail() { echo "no Slurm: $*" >&2; exit 1; }
alive() { local pid; pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; }
answers() { timeout 5 sinfo --noheader --format=%T 2>/dev/null | grep -Eq '^(idle|mixed|allocated|completing)'; }

stop() {
    for name in slurmd slurmctld munged; do
        if alive "$folder/$name.pid"; then kill "$(cat "$folder/$name.pid")"; fi
        for _ in $(seq 50); do alive "$folder/$name.pid" || break; sleep 0.1; done
    done
}

if [ "${1:-}" = stop ]; then stop; exit; fi
[ "$(id -u)" = 0 ] || fail "slurmctld and slurmd are started as root here"
for program in slurmctld slurmd munged sbatch squeue; do
    command -v $program >/dev/null || [ -x /usr/sbin/$program ] || fail "there is no $program (packages slurm-wlm and munge)"
done
PATH=$PATH:/usr/sbin
if [ -f "$conf" ] && answers; then echo "$conf"; exit; fi
stop

mkdir -p "$folder/state" "$folder/spool"
[ -O "$folder" ] && [ ! -L "$folder" ] || fail "$folder belongs to somebody else"
chmod 755 "$folder"
memory=$(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
cpus=$(nproc); cpus=$((cpus < 2 ? 2 : cpus > 4 ? 4 : cpus))
# Ports that are free now, so that a machine's own Slurm is left alone.
read -r controller daemon < <(python3 -c '
import socket
free = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(one.getsockname()[1] for one in free))')
sed -e "s|@NODE@|$(hostname -s)|g; s|@FOLDER@|$folder|; s|@CONTROLLER@|$controller|; s|@DAEMON@|$daemon|" \
    -e "s|@CPUS@|$cpus|; s|@ALL@|$memory|; s|@MEMORY@|$((memory / cpus / 2))|" "$here/slurm.conf.in" >"$conf"

# A key of its own: only who has it may submit.
if [ ! -s "$folder/munge.key" ]; then (umask 077; head -c 128 /dev/urandom >"$folder/munge.key"); fi
munged --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
    --log-file="$folder/munged.log" --seed-file="$folder/munged.seed" --force >&2 || fail "munged does not start"
slurmctld -f "$conf" >&2 || fail "slurmctld does not start, see $folder/slurmctld.log"
slurmd -f "$conf" >&2 || fail "slurmd does not start, see $folder/slurmd.log"
for _ in $(seq 60); do
    if answers; then echo "$conf"; exit; fi
    sleep 0.5
done
fail "it does not answer, see $folder/slurmctld.log and $folder/slurmd.log"
