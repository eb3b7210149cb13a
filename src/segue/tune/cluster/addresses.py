"""Check within seconds whether Ray responds at an address; Ray itself would try for minutes."""

import os
import socket
import threading

from ray._private.services import get_ray_address_from_environment
from ray._raylet import GcsClient  # type: ignore[attr-defined]  # of its compiled part
from ray.exceptions import AuthenticationError, RpcError
from ray.util import get_node_ip_address

_CONNECT_SECONDS = 5.0
_RESPONSE_SECONDS = 15.0  # Ray responds within one


def check_address(address: str) -> None:
    """Raise ValueError if Ray does not respond at `address`, or refuses the token."""
    found = _looked_up(address)
    host, _, port = found.removeprefix("ray://").rpartition(":")
    if not host:  # Ray itself reports at once that there is no address
        return
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
        if not found.startswith("ray://"):
            _knock(found)
    except AuthenticationError as error:
        raise token_refused(found) from error
    except (OSError, ValueError) as error:
        raise ValueError(
            f"Ray does not respond at {found}: start it there, or leave out --address."
        ) from error


def token_refused(address: str) -> ValueError:
    """Return the error to raise where Ray refuses the token."""
    return ValueError(
        f"Ray at {address} refuses the token ({token_in_use()}): give the token that the cluster"
        " was started with."
    )


def token_in_use() -> str:
    """Describe the token that Ray sends."""
    if os.environ.get("RAY_AUTH_MODE") != "token":
        return "none is sent: RAY_AUTH_MODE=token sends the one in ~/.ray/auth_token"
    if os.environ.get("RAY_AUTH_TOKEN"):
        return "the one in RAY_AUTH_TOKEN is sent"
    return f"the one in {os.environ.get('RAY_AUTH_TOKEN_PATH') or '~/.ray/auth_token'} is sent"


def is_on_loopback_only(address: str) -> bool:
    """Return whether Ray listens on 127.0.0.1 of this machine only.

    Segue starts Ray in that way.
    """
    host, _, port = address.rpartition(":")
    if host not in ("127.0.0.1", "localhost"):
        return False
    try:
        socket.create_connection(
            (get_node_ip_address(), int(port)), timeout=_CONNECT_SECONDS
        ).close()
    except OSError:
        return True
    return False


def _looked_up(address: str) -> str:
    """Return the address that Ray would use for "auto"; return others unchanged."""
    try:
        return (
            str(get_ray_address_from_environment(address, None)) if address == "auto" else address
        )
    except ConnectionError:
        return address


def _knock(address: str) -> None:
    """Raise AuthenticationError if Ray refuses the token, and TimeoutError if Ray is not there.

    Ray reports other errors when the driver connects.
    """
    refused: list[AuthenticationError] = []

    def connect() -> None:
        try:
            GcsClient(address=address)
        except AuthenticationError as error:
            refused.append(error)
        except RpcError:
            pass

    request = threading.Thread(target=connect, daemon=True)
    request.start()
    request.join(_RESPONSE_SECONDS)
    if refused:
        raise refused[0]
    if request.is_alive():
        raise TimeoutError
