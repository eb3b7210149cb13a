from dataclasses import fields

from ray.tune.utils.util import flatten_dict

from segue.record import row
from segue.record.row import ReportRow, evaluated, replayed, unflattened

REPORT = ReportRow(
    metric="success",
    value=0.5,
    metric_per_seed=[0.25, 0.75],
    env_steps=400,
    total_env_steps=800,
    stage=0,
    stages=2,
    stage_steps=400,
    stage_done=True,
    final=False,
    evaluation={"success": 0.5, "return": 3.0},
    diagnostics={"approx_kl": 0.01},
)


def test_a_row_is_read_as_it_was_written() -> None:
    written = REPORT.to_dict()
    assert ReportRow.of(written, "success") == REPORT
    assert ReportRow.of(replayed(written), "success") == REPORT
    assert written["success"] == 0.5


def test_every_field_is_an_entry_of_its_name() -> None:
    names = {field.name for field in fields(ReportRow)} - {"metric", "value"}
    assert set(REPORT.to_dict()) == {"success", *names}
    assert names | {row.REPLAYED, row.FORKED_FROM} == {
        value for name, value in vars(row).items() if name.isupper() and isinstance(value, str)
    }


def test_what_tune_flattens_is_put_together_again() -> None:
    written = REPORT.to_dict()
    assert unflattened(flatten_dict(written)) == written
    assert unflattened({}) == {}


def test_evaluated_metrics_stand_beside_the_entries_of_the_row() -> None:
    assert evaluated(REPORT.to_dict())["return"] == 3.0
    assert evaluated({"env_steps": 1}) == {"env_steps": 1}
