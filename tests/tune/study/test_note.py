"""The note of a study, as optuna-dashboard reads it: pieces of a text, joined in their order."""

from optuna import create_study
from optuna.storages import InMemoryStorage

from segue.record.files.definition import RunDefinition
from segue.tune.study.note import add_note, note_of


def test_a_note_is_written_once_in_pieces() -> None:
    storage = InMemoryStorage()
    study = create_study(storage=storage)._study_id
    text = "".join(f"line {number}\n" for number in range(500))
    add_note(storage, study, text)
    add_note(storage, study, "another")  # a person may have changed the first one
    attributes = storage.get_study_system_attrs(study)
    pieces = [attributes[f"dashboard:note_str:{index}"] for index in range(len(attributes) - 1)]
    assert [len(piece) for piece in pieces] == [2045, 2045, 300]
    assert "".join(pieces) == text
    assert attributes["dashboard:note_ver"] == 1


def test_a_note_says_what_the_sweep_is() -> None:
    sweep = {"metric": "loss", "mode": "min", "seeds": 1}
    definition = RunDefinition(name="x", fingerprint="", sweep=sweep, question="Does it learn?")
    text = note_of(definition, "runs/x")
    assert text.startswith("Does it learn?\n\nSweep `x` of Segue: the lowest `loss`")
    assert "over 1 seed a trial" in text and "- `segue report runs/x`" in text
