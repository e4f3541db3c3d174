"""The texts of a submission's files: what `submission.score_files` reads."""

import json
from typing import Any


def written(task: str, answers: Any) -> str:
    """One file's text: `answers` in the order that the benchmark's own test file has.

    Labels (XNLI, PAWS-X), choices (XCOPA) and indices from 0 (Tatoeba): a list; tags: a list of lists; questions: {id: answer};
    ranked results (Mewsli-X, LAReQA): {id: list of ids}; BUCC: a list of (foreign id, English id).
    """
    match task:
        case "udpos" | "panx":
            return "\n\n".join("\n".join(tags) for tags in answers) + "\n"
        case "xquad" | "mlqa" | "tydiqa" | "mewslix" | "lareqa":
            return json.dumps(answers, ensure_ascii=False, indent=1) + "\n"
        case "bucc2018":
            lines = ["\t".join(pair) for pair in answers]
        case "xcopa":
            lines = [json.dumps({"label": int(label)}) for label in answers]
        case _:
            lines = [str(label) for label in answers]
    return "".join(f"{line}\n" for line in lines)
