"""Export a finished training to a folder or a repository of the Hugging Face hub, for use without `stilts`."""
