"""What the finished stages of a study come to: gains, intervals, and the answers to its questions."""
