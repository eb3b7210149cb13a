"""A check that a run can be stored at a URL, made before the run starts."""

from segue.store.lease import seconds_since_renewal
from segue.store.objects import Store, StoreError, bucket_of, has_bucket, reason


def check_store(store: Store) -> None:
    """Raise ValueError, in one sentence, for a store that is unavailable or that refuses access."""
    try:
        bucket_exists = has_bucket(store)
    except OSError as error:
        message = reason(error)
        advice = (
            "check AWS_ENDPOINT_URL and the network"
            if "NETWORK" in message
            else "check its name, and the credentials in the environment"
        )
        raise ValueError(
            f"The store {store.shown()} is unavailable ({message}): {advice}."
        ) from error
    if not bucket_exists:
        raise ValueError(
            f"The bucket {bucket_of(store)!r} of {store.shown()} does not exist: make it, or choose"
            " another with --run-dir."
        )
    try:
        seconds_since_renewal(store)
    except StoreError as error:
        raise ValueError(
            f"{str(error).rstrip('.')}: use credentials that may write there, or choose another"
            " with --run-dir."
        ) from error
