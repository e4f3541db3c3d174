"""Python code that loads an exported model, for model cards; tests run it."""

PIPELINES = {"classification": "text-classification", "tagging": "token-classification", "mlm": "fill-mask"}
# Head -> the hub's name of the task, or the nearest name.
TAGS = PIPELINES | {
    "span_qa": "question-answering",
    "multiple_choice": "multiple-choice",
    "dual_encoder": "sentence-similarity",
    "": "feature-extraction",
}
LINES = {
    "classification": """\
from transformers import pipeline

classify = pipeline("text-classification", model={model!r}, truncation=True)
print(classify({{"text": "A man is playing a guitar.", "text_pair": "Somebody makes music."}}))
""",
    "tagging": """\
from transformers import pipeline

tag = pipeline("token-classification", model={model!r}, aggregation_strategy="first")
print(tag("Marie Curie was born in Warsaw ."))
""",
    "mlm": """\
from transformers import pipeline

fill = pipeline("fill-mask", model={model!r}, tokenizer_kwargs={{"truncation": True}})
print(fill("This is a " + fill.tokenizer.mask_token))
""",
    "multiple_choice": """\
import torch
from transformers import AutoModelForMultipleChoice, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({model!r})
model = AutoModelForMultipleChoice.from_pretrained({model!r})
start, options = "He opened the umbrella, because", ["it rained.", "it was dark."]
rows = tokenizer([start] * len(options), options, padding=True, truncation="only_first", return_tensors="pt")
with torch.no_grad():
    scores = model(**{{name: value[None] for name, value in rows.items()}}).logits[0]
print(options[int(scores.argmax())])
""",
    "span_qa": """\
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained({model!r})
model = AutoModelForQuestionAnswering.from_pretrained({model!r})
question, context = "Where was Marie Curie born?", "Marie Curie was born in Warsaw."
used = len(tokenizer(question, add_special_tokens=False)["input_ids"]) + tokenizer.num_special_tokens_to_add(pair=True)
room = tokenizer.model_max_length - used  # for a part of the context; parts begin {stride} tokens apart
parts = tokenizer(
    question, context, truncation="only_second", stride=max(0, room - {stride}), return_overflowing_tokens=True,
    return_offsets_mapping=True,
)
best, answer = float("-inf"), ""
for i, (ids, spans) in enumerate(zip(parts["input_ids"], parts["offset_mapping"])):
    with torch.no_grad():
        output = model(input_ids=torch.tensor([ids]))
    inside = torch.tensor([part == 1 for part in parts.sequence_ids(i)])
    both = output.start_logits[0], output.end_logits[0]
    start, end = (logits.log_softmax(-1).masked_fill(~inside, -torch.inf) for logits in both)
    possible = torch.ones(len(start), len(start)).triu().tril({longest} - 1).bool()
    scores = (start[:, None] + end).masked_fill(~possible, -torch.inf)
    if scores.max() > best:
        best, (first, last) = scores.max(), divmod(int(scores.argmax()), len(start))
        answer = context[spans[first][0] : spans[last][1]]
print(answer)
""",
    "dual_encoder": """\
import torch
from transformers import AutoModel, AutoTokenizer

tokenizer, model = AutoTokenizer.from_pretrained({model!r}), AutoModel.from_pretrained({model!r})
texts = ["Where was Marie Curie born?", "Marie Curie was born in Warsaw."]
rows = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
with torch.no_grad():
    vectors = torch.nn.functional.normalize(model(**rows).last_hidden_state[:, 0], dim=-1)
print(vectors @ vectors.T)
""",
    "": """\
import torch
from transformers import AutoModel, AutoTokenizer

tokenizer, model = AutoTokenizer.from_pretrained({model!r}), AutoModel.from_pretrained({model!r})
rows = tokenizer(["A man is playing a guitar.", "Somebody makes music."], padding=True, truncation=True, return_tensors="pt")
with torch.no_grad():
    states = model(**rows).last_hidden_state
print(states.shape)
""",
}


def snippet(kind: str, model: str, longest: int, stride: int = 128) -> str:
    """Return code that loads a model with a head of this `kind` ("" for none) from a folder or repository.

    `longest`: maximum tokens of an answer; `stride`: tokens from the start of a part of the context to the start of the next.
    """
    return LINES[kind].format(model=model, longest=longest, stride=stride)
