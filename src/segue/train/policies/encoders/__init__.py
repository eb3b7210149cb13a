"""Encoders: the layers that read observations."""

from segue.train.policies.encoders.choice import encoder_for
from segue.train.policies.encoders.discrete import Discrete
from segue.train.policies.encoders.encoder import Encoder
from segue.train.policies.encoders.grid_view import GridView
from segue.train.policies.encoders.identity import Identity
from segue.train.policies.encoders.mission import Mission
from segue.train.policies.encoders.picture import Picture
from segue.train.policies.encoders.vector import Vector

__all__ = [
    "Discrete",
    "Encoder",
    "GridView",
    "Identity",
    "Mission",
    "Picture",
    "Vector",
    "encoder_for",
]
