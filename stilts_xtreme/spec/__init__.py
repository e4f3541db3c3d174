"""What a person writes: YAML specs, read with the place of every key, checked as a whole and frozen."""

from stilts_xtreme.spec.kinds import Evaluation, Intermediate, Mixture, Multitask, Spec, Study, Target
from stilts_xtreme.spec.load import load
from stilts_xtreme.spec.setup import RecipeSpec, Setup

__all__ = ["Evaluation", "Intermediate", "Mixture", "Multitask", "RecipeSpec", "Setup", "Spec", "Study", "Target", "load"]
