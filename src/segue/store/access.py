"""Whether a run can be kept in a store, before anything is begun."""

from segue.store.lease import seconds_since_renewal
from segue.store.objects import Store, StoreError, bucket_of, has_bucket, reason


def check_store(store: Store) -> None:
    """Raise ValueError, in one sentence, for a store that cannot be reached, read or written."""
    try:
        found = has_bucket(store)
    except OSError as error:
        said = reason(error)
        advice = (
            "check AWS_ENDPOINT_URL and the network"
            if "NETWORK" in said
            else "check its name, and the credentials in the environment"
        )
        raise ValueError(
            f"The store {store.shown()} cannot be reached ({said}): {advice}."
        ) from error
    if not found:
        raise ValueError(
            f"The bucket {bucket_of(store)!r} of {store.shown()} does not exist: make it, or choose"
            " another with --run-dir."
        )
    try:
        seconds_since_renewal(store)
    except StoreError as error:
        raise ValueError(
            f"{str(error).rstrip('.')}: ask for credentials that may write there, or choose another"
            " with --run-dir."
        ) from error
