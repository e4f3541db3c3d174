"""A finished training as a folder, or a repository of the Hugging Face hub, that people without `stilts` can use."""
