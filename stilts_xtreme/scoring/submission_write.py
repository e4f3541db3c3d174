"""The texts of a submission's files, by the task's head: for a benchmark's tasks what `submission.score_files` reads."""

import json
from typing import Any

from stilts_xtreme.errors import UserError

ENDINGS = {
    "classification": "tsv",
    "multiple_choice": "jsonl",
    "tagging": "tsv",
    "span_qa": "json",
    "dual_encoder": "json",
    "embedding": "tsv",
}


def ending(head: str) -> str:
    """How the name of such a file ends; UserError for a head whose predictions nobody hands in."""
    if head not in ENDINGS:
        raise UserError(f"submission: there is no file format for the head {head}; there is one for {', '.join(ENDINGS)}")
    return ENDINGS[head]


def written(head: str, answers: Any) -> str:
    """One file's text: `answers` in the order that the benchmark's own test file has; UserError as in `ending`.

    Labels (classification): a list; choices (multiple_choice): a list of their indices from 0; tags (tagging): a list of lists;
    answers to questions (span_qa): {id: answer}; ranked candidates (dual_encoder): {id: list of ids}; bitexts (embedding): a list
    of (foreign id, English id), or of indices from 0.
    """
    ending(head)
    match head:
        case "tagging":
            return "\n\n".join("\n".join(tags) for tags in answers) + "\n"
        case "span_qa" | "dual_encoder":
            return json.dumps(answers, ensure_ascii=False, indent=1) + "\n"
        case "multiple_choice":
            lines = [json.dumps({"label": int(label)}) for label in answers]
        case "embedding":
            lines = ["\t".join(one) if isinstance(one, tuple) else str(one) for one in answers]
        case _:
            lines = [str(label) for label in answers]
    return "".join(f"{line}\n" for line in lines)
