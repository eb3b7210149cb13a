#!/bin/bash
# A sweep on the nodes of a Slurm job:
#
#   sbatch [OPTIONS OF sbatch] cluster/slurm.sh NAME [OPTIONS OF segue run]
#
# Submit it from your copy of this repository, with the virtual environment activated, on a file
# system that all nodes share. One Ray node is started on each node of the job; the driver runs on
# the first one. Two minutes before the time limit, and when the job is preempted, the driver ends
# so that the same job resumes the sweep after it was requeued. Options on sbatch's command line
# take precedence over the following lines.
#
#SBATCH --job-name=segue
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=08:00:00
#SBATCH --output=segue-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
set -u

refuse() {
    echo "$1" >&2
    exit 2
}

[[ -n ${SLURM_JOB_ID:-} ]] || refuse "This is not a Slurm job: submit it with sbatch cluster/slurm.sh NAME."
(($#)) || refuse "The name of the sweep is missing: submit it with sbatch cluster/slurm.sh NAME."
for tool in ray segue; do
    command -v "$tool" > /dev/null ||
        refuse "There is no command $tool: activate the virtual environment before sbatch."
done

# The first node's address for the others. Set SEGUE_HEAD_IP where its name leads to the wrong network.
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
ip=${SEGUE_HEAD_IP:-$(getent ahostsv4 "$first" | awk '$1 !~ /^127\./ { print $1; exit }')}
[[ -n $ip ]] || ip=$(hostname -I | awk '{ print $1 }')
[[ -n $ip ]] || refuse "The first node, $first, has no address: set SEGUE_HEAD_IP."
export RAY_ADDRESS="$ip:$((20000 + SLURM_JOB_ID % 10000))" # jobs on one node have different ports

# The job's own token, which only this user can read: without it, nobody joins this Ray.
folder="${SEGUE_JOB_FOLDER:-$HOME/.ray}/segue-$SLURM_JOB_ID"
rm -rf "$folder"
(umask 077 && mkdir -p "$folder" && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$folder/token") ||
    refuse "The folder $folder cannot be written: set SEGUE_JOB_FOLDER to one that all nodes share."
trap 'rm -rf "$folder"' EXIT
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$folder/token" SEGUE_EXIT_CODE="$folder/code"

export SLURM_JOB_NUM_NODES="${SLURM_JOB_NUM_NODES:-1}"
export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-${SLURM_CPUS_ON_NODE:-1}}" # srun does not take it from sbatch
export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=300 RAY_USAGE_STATS_ENABLED=0 OMP_NUM_THREADS=1

# On each node. Only the driver listens to USR1: all other processes inherit that it is ignored.
read -r -d '' node << 'NODE'
trap '' USR1
exec ray symmetric-run --address "$RAY_ADDRESS" --min-nodes "$SLURM_JOB_NUM_NODES" \
    --num-cpus="$SRUN_CPUS_PER_TASK" --num-gpus="${SLURM_GPUS_ON_NODE:-0}" \
    --object-store-memory=134217728 --dashboard-host=127.0.0.1 -- \
    bash -c 'segue run "$@" --address "$RAY_ADDRESS"; echo $? > "$SEGUE_EXIT_CODE"' segue "$@"
NODE

# After the driver has ended, the other nodes have 20 s to notice.
srun --ntasks-per-node=1 --wait=20 bash -c "$node" segue "$@" &
step=$!
must_requeue=
trap 'must_requeue=yes; kill -USR1 "$step"' USR1
trap 'kill -USR1 "$step"' TERM # of scancel; after a preemption, Slurm requeues the job itself
while kill -0 "$step" 2> /dev/null; do
    wait "$step"
done
wait "$step"
code=$?
if [[ -s $SEGUE_EXIT_CODE ]]; then
    code=$(< "$SEGUE_EXIT_CODE")
elif ((code == 0)); then
    code=1 # Ray did not start, which symmetric-run reports in words only
fi
if [[ -n $must_requeue ]] && ((code > 128)); then
    echo "The job is requeued, and resumes the sweep."
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
