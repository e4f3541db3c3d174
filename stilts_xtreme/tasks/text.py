"""Running text for masked-language-model training: a task that is trained on and never scored."""

from stilts_xtreme.tasks import metrics, readers, rows
from stilts_xtreme.tasks.task import Files, Task
from stilts_xtreme.utils.languages import BENCHMARKS

TEXT = Task(
    name="text",
    head="mlm",
    example=rows.text_line,
    metric=metrics.unscored,
    headline=(),
    languages=BENCHMARKS,  # these stand first
    any_language=True,
    # No hub entry: a whole Wikipedia does not fit in memory as examples; write the part that is wanted to a file.
    sources=(Files(readers.text_lines, train=("mono/{language}.txt",), dev=("mono/{language}.dev.txt",)),),
    licence="that of the text",
    about="Plain text, one sentence or passage a line, in mono/<language>.txt",
)
