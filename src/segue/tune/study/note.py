"""The note on a study that optuna-dashboard shows.

The dashboard is not a dependency: its notes are system attributes of the study, numbered pieces of
a text in Markdown.
"""

from optuna.storages import BaseStorage

from segue.base.text import plural
from segue.record.files.definition import RunDefinition

_VERSION = "dashboard:note_ver"
_PIECE = "dashboard:note_str:"
_PIECE_LENGTH = 2045  # what the tables of all databases hold


def note_of(definition: RunDefinition, shown: str) -> str:
    """Return a note, in Markdown, on the study of a run that messages show as `shown`."""
    sweep = definition.sweep
    seeds = plural(int(sweep.get("seeds", 1)), "seed")
    best = "highest" if definition.mode == "max" else "lowest"
    parts = [
        definition.question,
        f"Sweep `{definition.name}` of Segue: the {best} `{definition.metric}` of the evaluation,"
        f" over {seeds} a trial. Intermediate values are those after so many environment steps of"
        " one seed; PRUNED trials have the value at which they were stopped, and `stopped_by` says"
        " why.",
        f"- `segue show {shown}` lists the trials\n- `segue report {shown}` explains them",
    ]
    return "\n\n".join(part for part in parts if part)


def add_note(storage: BaseStorage, study_id: int, text: str) -> None:
    """Give a study a note, unless it has one, which a person may have changed."""
    if _VERSION in storage.get_study_system_attrs(study_id):
        return
    for index, start in enumerate(range(0, len(text), _PIECE_LENGTH)):
        piece = text[start : start + _PIECE_LENGTH]
        storage.set_study_system_attr(study_id, f"{_PIECE}{index}", piece)
    storage.set_study_system_attr(study_id, _VERSION, 1)
