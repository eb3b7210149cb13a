"""`python -m sweeps.run` lists the sweeps; `python -m sweeps.run NAME` runs one."""

from segue.cli import main

if __name__ == "__main__":
    main()
