"""Small copies of two sweeps, which end in seconds."""

from pathlib import Path

SWEEPS = Path(__file__).parent.parent / "sweeps"
# What is made smaller, and how often it stands in the file.
SMALLER = {
    "ppo_grid": [
        ("61_440", "8_192"),
        ("[5_120, 30_720, 60_416]", "[2_048, 4_096]"),
        ("[2e-4, 2e-3, 2e-2]", "[1e-3, 3e-3]"),
        ("[0.001, 0.1]", "[0.01]"),
        ("MiniGrid-LavaCrossingS9N2-v0", "MiniGrid-Empty-8x8-v0"),  # learned in these steps
        ("every=10_240, episodes=50", "every=2_048, episodes=10"),
        ("save_interval=10_240", "save_interval=1_024"),
        ("seeds=5", "seeds=2"),
    ],
    "wean_to_ppo": [
        ("163_840", "12_288"),
        ("[40_960, 81_920, 122_880]", "[4_096, 8_192]"),
        ("every=20_480, episodes=50", "every=4_096, episodes=10"),
        ("save_interval=20_480", "save_interval=2_048"),
        ("trials=24", "trials=4"),
        ("seeds=3", "seeds=2"),
    ],
}


def small_copies(folder: Path) -> None:
    """Write them into the folder `sweeps` of a folder, where commands find them by name."""
    (folder / "sweeps").mkdir(parents=True)
    for name, changes in SMALLER.items():
        text = (SWEEPS / f"{name}.py").read_text()
        for old, new in changes:
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        (folder / "sweeps" / f"{name}.py").write_text(text)
