"""Scripts around the studies that are not part of the package."""
