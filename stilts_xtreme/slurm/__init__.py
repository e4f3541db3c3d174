"""Run stages as jobs of a Slurm cluster.

Slurm knows jobs but not their dependencies: `scheduler` submits stages whose inputs are finished. Its only state is in the store
and in the queue, so it can be killed and started again, and several can run at once.
"""
