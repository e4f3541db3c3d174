"""What a person writes: YAML specs, read with the place of every key, checked as a whole and frozen."""

from stilts_xtreme.spec.kinds import Evaluation, Intermediate, Multitask, Spec, Target
from stilts_xtreme.spec.load import described, load
from stilts_xtreme.spec.mixtures import Mixture
from stilts_xtreme.spec.setup import RecipeSpec, Setup
from stilts_xtreme.spec.study import Study

__all__ = [
    "Evaluation", "Intermediate", "Mixture", "Multitask", "RecipeSpec", "Setup", "Spec", "Study", "Target", "described", "load",
]  # fmt: skip
