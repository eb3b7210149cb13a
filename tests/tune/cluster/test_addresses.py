"""An address at which Ray does not respond is refused in seconds."""

import socket

import pytest

from segue.tune.cluster import addresses
from segue.tune.cluster.addresses import check_address


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:port", "ray://127.0.0.1:1"])
def test_where_nothing_listens_is_refused(address: str) -> None:
    with pytest.raises(
        ValueError,
        match=f"Ray does not respond at {address}: start it there, or leave out --address",
    ):
        check_address(address)


def test_what_listens_but_does_not_answer_as_ray_does_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(addresses, "_RESPONSE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ValueError, match=f"Ray does not respond at 127.0.0.1:{port}"):
            check_address(f"127.0.0.1:{port}")
        check_address(
            f"ray://127.0.0.1:{port}"
        )  # Ray's client speaks otherwise, and says at once what is wrong


def test_auto_is_where_ray_would_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(ValueError, match=r"Ray does not respond at 127\.0\.0\.1:1"):
        check_address("auto")


def test_that_no_ray_runs_is_left_to_ray_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(address: str, directory: None) -> str:
        raise ConnectionError

    monkeypatch.setattr(addresses, "get_ray_address_from_environment", none)
    check_address("auto")
    check_address("local")
