"""Format predictions as the files of a submission, by the task's head; `submission.score_files` reads them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from stilts_xtreme.utils.errors import UserError

EXTENSIONS = {
    "classification": "tsv",
    "multiple_choice": "jsonl",
    "tagging": "tsv",
    "span_qa": "json",
    "dual_encoder": "json",
    "embedding": "tsv",
}


def extension(head: str) -> str:
    """Return the file name extension, without the dot; UserError for a head that no submission has."""
    if head not in EXTENSIONS:
        raise UserError(f"submission: there is no file format for the head {head}; there is one for {', '.join(EXTENSIONS)}")
    return EXTENSIONS[head]


def format_predictions(head: str, answers: Sequence[Any] | Mapping[str, Any]) -> str:
    """Return the text of a file with `answers`, in the order of the benchmark's own test file.

    `answers` by head: classification, list of labels; multiple_choice, list of indices from 0; tagging, list of lists of tags;
    span_qa, {id: answer}; dual_encoder, {id: ranked list of ids}; embedding, list of (foreign id, English id) or of indices from
    0. Raises UserError like `extension`.
    """
    extension(head)
    match head:
        case "tagging":
            return "\n\n".join("\n".join(tags) for tags in answers) + "\n"
        case "span_qa" | "dual_encoder":
            return json.dumps(answers, ensure_ascii=False, indent=1) + "\n"
        case "multiple_choice":
            lines = [json.dumps({"label": int(label)}) for label in answers]
        case "embedding":
            lines = ["\t".join(answer) if isinstance(answer, tuple) else str(answer) for answer in answers]
        case _:
            lines = [str(label) for label in answers]
    return "".join(f"{line}\n" for line in lines)
