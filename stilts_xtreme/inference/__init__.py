"""Apply a trained head to a user's file: labels, choices, tags or spans, with their probabilities."""
