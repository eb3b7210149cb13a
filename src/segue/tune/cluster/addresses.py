"""Whether a Ray answers at an address, found out in seconds: Ray itself would try for a minute or
two.
"""

import os
import socket
import threading

from ray._private.services import get_ray_address_from_environment
from ray._raylet import GcsClient  # type: ignore[attr-defined]  # of its compiled part
from ray.exceptions import AuthenticationError, RpcError
from ray.util import get_node_ip_address

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 15.0  # a Ray answers within one


def check_address(address: str) -> None:
    """Raise ValueError when no Ray answers at `address`, or none that takes the token."""
    found = _looked_up(address)
    host, _, port = found.removeprefix("ray://").rpartition(":")
    if not host:  # Ray says at once when there is none
        return
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
        if not found.startswith("ray://"):
            _knock(found)
    except AuthenticationError as error:
        raise token_refused(found) from error
    except (OSError, ValueError) as error:
        raise ValueError(
            f"No Ray answers at {found}: start one there, or leave out --address."
        ) from error


def token_refused(address: str) -> ValueError:
    """What is said where a Ray does not take the token."""
    return ValueError(
        f"Ray at {address} refuses the token ({token_in_use()}): give the token that the cluster"
        " was started with."
    )


def token_in_use() -> str:
    """Which token Ray sends along, in words."""
    if os.environ.get("RAY_AUTH_MODE") != "token":
        return "none is sent: RAY_AUTH_MODE=token sends the one in ~/.ray/auth_token"
    if os.environ.get("RAY_AUTH_TOKEN"):
        return "the one in RAY_AUTH_TOKEN is sent"
    return f"the one in {os.environ.get('RAY_AUTH_TOKEN_PATH') or '~/.ray/auth_token'} is sent"


def is_on_loopback_only(address: str) -> bool:
    """Whether a Ray of this machine listens on 127.0.0.1 only, such as one that Segue started."""
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
    """Where Ray would go for "auto"; others are returned as they are."""
    try:
        return (
            str(get_ray_address_from_environment(address, None)) if address == "auto" else address
        )
    except ConnectionError:
        return address


def _knock(address: str) -> None:
    """Raise AuthenticationError when Ray refuses the token, and TimeoutError when what listens
    there is no Ray.

    What else is wrong, Ray says when it is joined.
    """
    refused: list[AuthenticationError] = []

    def ask() -> None:
        try:
            GcsClient(address=address)
        except AuthenticationError as error:
            refused.append(error)
        except RpcError:
            pass

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_ANSWER_SECONDS)
    if refused:
        raise refused[0]
    if asking.is_alive():
        raise TimeoutError
