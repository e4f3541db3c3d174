"""How each stage is done: the one place where data, engine, scoring and store meet."""
