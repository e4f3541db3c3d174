"""In which languages a split can be read, as far as names of files show it."""

from stilts_xtreme.data import folder, hub, miniature
from stilts_xtreme.data.read import Folder, HubCache, Miniature, Where, nearest
from stilts_xtreme.tasks.task import Task, in_translation
from stilts_xtreme.utils.languages import LANGUAGES


def known(task: Task, split: str, where: Where) -> tuple[str, ...] | None:
    """The languages of a task's "train", "dev", "test" or "translated" split there; None where names do not show it.

    That is where the folder, or all of the task in it, is not there, and where nothing was translated yet.
    """
    match nearest(task, where):
        case Miniature():
            return miniature.languages(task.name, split) or None
        case HubCache():
            return hub.languages(in_translation(task) if split == "translated" else task) or None
        case Folder(path, cut) if path.is_dir():
            if split == "translated":
                below = path / "translated"
                added = sorted(entry.name for entry in below.iterdir() if entry.is_dir()) if below.is_dir() else []
                translations = {code: in_translation(task, code) for code in (*LANGUAGES, *added)}
                there = (code for code, own in translations.items() if folder.find(own, "train", code, path, False))
                return tuple(there) or None
            if (files := folder.layout(task, path)) is None:
                return None
            codes = dict.fromkeys(folder.named_languages(files, path) if task.any_language else task.languages)
            return tuple(code for code in codes if folder.find(task, split, code, path, cut, files))
        case _:
            return None
