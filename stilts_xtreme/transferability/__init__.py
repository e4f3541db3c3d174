"""Estimates of how much an intermediate task will help a target, made before any training on it."""
