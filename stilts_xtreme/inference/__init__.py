"""Apply a trained head to a file of one's own: labels, choices, tags or spans, with their probabilities."""
