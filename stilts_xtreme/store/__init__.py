"""Finished stages on disk, checkpoints of those that are not, and a cache beside them."""

from stilts_xtreme.store.checkpoints import Checkpoints
from stilts_xtreme.store.folders import CACHE, SCHEMAS, Busy, Store, of_another
from stilts_xtreme.store.manifest import dropped, faults, files, manifest, whole

__all__ = ["CACHE", "SCHEMAS", "Busy", "Checkpoints", "Store", "dropped", "faults", "files", "manifest", "of_another", "whole"]
