#!/usr/bin/env bash
# Slurm: `scontrol requeue $SLURM_JOB_ID` from inside an array element can requeue the whole array.
#
# Version: Slurm 22.05.8 (Debian 12, packages slurm-wlm 22.05.8-4+deb12u3 and munge), one node on loopback.
# Expected: each element of a job array has its own SLURM_JOB_ID, so `scontrol requeue $SLURM_JOB_ID` puts that element back.
# Real: one element (here the last one, 3) has the array's own id as its SLURM_JOB_ID. Requeued with that id, all four elements go
#   back into the queue: one that had COMPLETED, one that had FAILED and one that was RUNNING (killed) with it. Restarts is 1 for all.
#   With ${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID} only the element itself goes back.
# Output seen:
#   requeue by job: 0=PENDING/1 1=PENDING/1 2=PENDING/1 3=PENDING/1
#   requeue by element: 0=COMPLETED/0 1=FAILED/0 2=RUNNING/0 3=PENDING/1
# Needs root and the two packages (installed here where apt-get can); starts and ends its own daemons. Exits 1 where it is otherwise.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
if ! command -v sbatch >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends slurm-wlm=22.05.8-4+deb12u3 munge >/dev/null
fi
PATH=$PATH:/usr/sbin
folder=$(mktemp -d)
chmod 755 "$folder"
mkdir "$folder/state" "$folder/spool"
end() {
    for name in slurmd slurmctld munged; do
        if [ -s "$folder/$name.pid" ]; then kill "$(cat "$folder/$name.pid")" 2>/dev/null || true; fi
    done
    sleep 1
    rm -rf "$folder"
}
trap end EXIT
export SLURM_CONF=$folder/slurm.conf
read -r first second < <(python3 -c '
import socket
free = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(one.getsockname()[1] for one in free))')
host=$(hostname -s)
cat >"$SLURM_CONF" <<EOF
ClusterName=requeue
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$first
SlurmdPort=$second
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,batch_sched_delay=1
MinJobAge=60
JobRequeue=1
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
EOF
(umask 077; head -c 128 /dev/urandom >"$folder/munge.key")
munged --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
    --log-file="$folder/munged.log" --seed-file="$folder/munged.seed" --force 2>/dev/null
slurmctld
slurmd
for _ in $(seq 60); do
    if timeout 5 sinfo --noheader --format=%T 2>/dev/null | grep -q idle; then break; fi
    sleep 0.5
done
sbatch --version
[[ $(sbatch --version) == *" 22.05.8" ]] || { echo "another Slurm than the one this is about"; exit 1; }

cat >"$folder/job.sh" <<'EOF'
#!/bin/bash
[ "${SLURM_RESTART_COUNT:-0}" = 0 ] || sleep 60
case $SLURM_ARRAY_TASK_ID in
    0) exit 0 ;;
    1) exit 1 ;;
    2) sleep 60 ;;
    3) sleep 5
       if [ "$BY" = job ]; then scontrol requeue "$SLURM_JOB_ID"; else scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"; fi
       sleep 60 ;;
esac
EOF
states() {
    scontrol show job "$1" | tr '\n' ' ' | sed 's/JobId=/\n/g' |
        sed -n 's/.*ArrayTaskId=\([0-9]\) .*JobState=\([A-Z]*\) .*Restarts=\([0-9]*\).*/\1=\2\/\3/p' | sort | xargs
}
found=()
for by in job element; do
    number=$(sbatch --parsable --requeue --array=0-3 --output=/dev/null --export="ALL,BY=$by" "$folder/job.sh")
    for _ in $(seq 40); do
        sleep 0.5
        case $(states "$number") in *3=PENDING/1*) break ;; esac
    done
    sleep 1
    found[${#found[@]}]=$(states "$number")
    echo "requeue by $by: ${found[-1]}"
    scancel "$number"
    sleep 3
done
[ "${found[0]}" = "0=PENDING/1 1=PENDING/1 2=PENDING/1 3=PENDING/1" ]
[ "${found[1]}" = "0=COMPLETED/0 1=FAILED/0 2=RUNNING/0 3=PENDING/1" ]
