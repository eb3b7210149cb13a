"""Settings of RL Baselines3 Zoo: what is read, what is written, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from segue.cli import segue
from segue.tune.code.sweep_file import load_sweep
from segue.zoo import read_entry, sweep_text
from segue.zoo.entry import Schedule

# Two entries in the forms of the zoo's own file, and one for each kind of mistake.
ENTRIES = """
Pendulum-v1: &defaults
  n_envs: 4
  n_timesteps: !!float 1e5
  policy: 'MlpPolicy'
  n_steps: 1024
  gamma: 0.9
  ent_coef: 0.0
  learning_rate: !!float 1e-3
  use_sde: True
HalfCheetah-v3:
  normalize: true
  n_envs: 1
  policy: 'MlpPolicy'
  n_timesteps: !!float 1e6
  n_steps: 512
  n_epochs: 20
  learning_rate: lin_2.0633e-05
  clip_range: lin_0.1
  vf_coef: 0.58096
  policy_kwargs: "dict(
                    log_std_init=-2,
                    ortho_init=False,
                    activation_fn=nn.ReLU,
                    net_arch=[dict(pi=[256, 256], vf=[256, 256])]
                  )"
CarRacing-v3:
  env_wrapper:
    - gymnasium.wrappers.ResizeObservation:
        shape: [64, 64]
    - gymnasium.wrappers.GrayscaleObservation
  frame_stack: 2
  normalize: "{'norm_obs': False, 'norm_reward': True}"
  n_timesteps: 1000
  policy: 'CnnPolicy'
  policy_kwargs: "dict(activation_fn=nn.GELU, net_arch=dict(pi=[256], vf=[128]))"
MiniGrid:
  <<: *defaults
  normalize: "{'norm_obs': False}"
Text:
  <<: *defaults
  gamma: high
Code:
  <<: *defaults
  policy_kwargs: "dict(net_arch=open('/etc/passwd'))"
Wrapper:
  <<: *defaults
  env_wrapper: [3]
Memory:
  <<: *defaults
  policy: MlpLstmPolicy
NotPPO:
  gamma: 0.9
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ppo.yml"
    path.write_text(ENTRIES)
    return path


def test_numbers_schedules_and_dictionaries_are_read(file: Path) -> None:
    entry = read_entry(file, "HalfCheetah-v3")
    assert (entry.n_timesteps, entry.n_steps, entry.batch_size) == (1_000_000, 512, 64)
    assert entry.learning_rate == Schedule(2.0633e-05, is_linear=True)
    assert entry.normalize == {"norm_obs": True, "norm_reward": True}
    assert entry.policy_kwargs == {
        "log_std_init": -2,
        "ortho_init": False,
        "activation_fn": "ReLU",
        "net_arch": [{"pi": [256, 256], "vf": [256, 256]}],
    }
    car = read_entry(file, "CarRacing-v3")
    assert car.normalize == {"norm_obs": False, "norm_reward": True}
    assert read_entry(file, "MiniGrid").normalize == {"norm_obs": False, "norm_reward": True}
    assert car.env_wrapper == {
        "gymnasium.wrappers.ResizeObservation": {"shape": [64, 64]},
        "gymnasium.wrappers.GrayscaleObservation": {},
    }


def test_the_sweep_has_the_zoos_numbers(file: Path, tmp_path: Path) -> None:
    written = tmp_path / "pendulum.py"
    with pytest.raises(SystemExit) as ended:
        segue(["zoo", str(file), "Pendulum-v1", "--out", str(written)])
    assert ended.value.code == 0
    sweep = load_sweep(written)
    pipeline = sweep.pipeline(lr=1e-3)
    assert (sweep.world, sweep.lanes, list(sweep.points)) == ("Pendulum-v1", 4, [{"lr": 0.001}])
    assert pipeline.total_steps == 100_000
    assert (pipeline.num_steps, pipeline.num_mini_batch, pipeline.update_repeats) == (1024, 64, 10)
    assert (pipeline.gamma, pipeline.gae_lambda, pipeline.max_grad_norm) == (0.9, 0.95, 0.5)
    loss: Any = pipeline.named_losses["ppo"]
    assert (loss.clip_param, loss.value_loss_coef, loss.entropy_coef) == (0.2, 1.0, 0.0)
    assert not loss.use_clipped_value_loss
    assert "- use_sde=True has no counterpart here." in written.read_text()


def test_policies_worlds_and_schedules_are_written(file: Path) -> None:
    text = sweep_text(read_entry(file, "HalfCheetah-v3"), "HalfCheetah-v5")
    for line in (
        'world=World("HalfCheetah-v5", normalize_observation=True, normalize_reward=True),',
        'policy=Mlp((256, 256), activation="relu", ortho_init=False, log_std_init=-2),',
        'lr_scheduler_builder=Builder(LambdaLR, {"lr_lambda": LinearDecay(STEPS)}),',
        "clip_decay=LinearDecay(STEPS),",
        "value_loss_coef=1.16192,",
    ):
        assert line in text
    text = sweep_text(read_entry(file, "CarRacing-v3"), "CarRacing-v3")
    assert "wrappers=[partial(ResizeObservation, shape=[64, 64]), GrayscaleObservation]" in text
    assert "from gymnasium.wrappers import ResizeObservation" in text
    policy = 'Network(hidden=(), actor=(256,), critic=(128,), activation="gelu")'
    assert f"policy={policy}," in text
    assert 'World("gym/CarRacing-v3", wrappers=' in text
    assert "frame_stack=2, normalize_reward=True)" in text
    compile(text, "sweep.py", "exec")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nowhere.yml", "Pendulum-v1"], "nowhere.yml cannot be read (No such file or directory)."),
        (["ppo.yml", "Pendlum-v1"], "has no entry 'Pendlum-v1': did you mean 'Pendulum-v1'?"),
        (["ppo.yml", "NotPPO"], "'NotPPO' of ppo.yml has no n_timesteps: it is not one of PPO."),
        (["ppo.yml", "Text"], "'Text' of ppo.yml: gamma is 'high', which is not a number."),
        (["ppo.yml", "Code"], "'Code' of ppo.yml: malformed node"),
        (["ppo.yml", "Memory"], "policy is 'MlpLstmPolicy': only MlpPolicy and CnnPolicy are"),
        (["ppo.yml", "Wrapper"], "env_wrapper is 3, which is not the name of a wrapper."),
        (
            ["ppo.yml", "Pendulum-v1", "--out", "ppo.yml"],
            "ppo.yml exists: choose another --out, or overwrite it with --force.",
        ),
    ],
)
def test_what_cannot_be_translated_is_refused_in_one_sentence(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(file.parent)
    with pytest.raises(SystemExit) as ended:
        segue(["zoo", *arguments])
    assert ended.value.code == 2
    answer = capsys.readouterr()
    assert reason in answer.err and answer.err.count("\n") == 1 and not answer.out
    assert file.read_text() == ENTRIES
