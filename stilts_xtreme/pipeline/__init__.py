"""What is to be done: a stage and its fingerprint, the stages a spec asks for, the grid of a study, what does not fit."""
