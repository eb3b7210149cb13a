"""Why trials were stopped, as `segue show` repeats it."""

import re
from pathlib import Path

import pytest

from tests.tune.support.doubles import make_sweep
from tests.tune.support.fake_tune import FakeTune, open_record

NUMBER = r"-?[\d.]+"
PATTERNS = {
    "asha": rf"asha: return ({NUMBER}) after [\d,]+ steps is (below|above) the cutoff ({NUMBER}),"
    r" number (\d+) of (\d+)",
    "hyperband": rf"hyperband: return ({NUMBER}) after [\d,]+ steps is (below|above) the cutoff"
    rf" ({NUMBER}), number (\d+) of (\d+)",
    "median": rf"median: return {NUMBER} after [\d,]+ steps, at best ({NUMBER}), is (below|above)"
    rf" the median ({NUMBER}) of \d+ others",
    "stage_asha": rf"stage_asha: return {NUMBER} at .+ was number (\d+) of (\d+)",
}


@pytest.mark.parametrize(
    ("scheduler", "mode"), [*((name, "max") for name in PATTERNS), ("asha", "min")]
)
def test_a_reason_has_the_name_the_cutoff_and_the_rank(
    tmp_path: Path, scheduler: str, mode: str
) -> None:
    sweep = make_sweep(scheduler=scheduler, mode=mode)
    record = open_record(tmp_path, sweep)
    FakeTune(record, sweep, 16, {}).run()
    stopped = [
        trial.user_attrs["stopped_by"]
        for trial in record.trials
        if "stopped_by" in trial.user_attrs
    ]
    record.close()
    assert stopped
    for reason in stopped:
        found = re.fullmatch(PATTERNS[scheduler], reason)
        assert found is not None, reason
        if scheduler == "stage_asha":
            continue
        assert found[2] == ("below" if mode == "max" else "above")
        own = float(found[1])
        assert own <= float(found[3]) if mode == "max" else own >= float(found[3])
        if scheduler != "median":
            assert 1 < int(found[4]) <= int(found[5])
