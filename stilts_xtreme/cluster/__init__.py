"""Stages as jobs of a Slurm cluster.

Slurm knows jobs, and nothing of what they need: `driver` submits those stages whose needs are finished, and what it knows stands
in the store and in the queue alone. It can be killed and run again, and there may be several.
"""
