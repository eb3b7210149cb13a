"""`python -m segue`, where the command `segue` is not on the path."""

from segue.cli import segue

segue()
