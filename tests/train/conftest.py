"""One thread, as in a trial's process: the tests compare bit for bit, and share the machine."""

import torch

torch.set_num_threads(1)
