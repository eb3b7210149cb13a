"""The server of an object store, which is part of a `Store` and travels with it to workers.

A worker's own environment may be older than the driver's; it provides the credentials only.
"""

import os
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

Server = tuple[tuple[str, str], ...]
_OPTIONS = ("endpoint_override", "scheme", "region")


def server_of(url: str) -> Server:
    """Return the options of the server that the URL or the environment names; none for Amazon's."""
    parts = urlsplit(url)
    if parts.scheme != "s3":
        return ()
    in_url = {key: value for key, value in parse_qsl(parts.query) if key in _OPTIONS}
    endpoint = urlsplit(
        os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    )
    if "endpoint_override" in in_url or not endpoint.netloc:
        return tuple(in_url.items())
    server = {"endpoint_override": endpoint.netloc, "scheme": endpoint.scheme}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region:
        server["region"] = region
    return tuple((server | in_url).items())


def with_server(url: str, server: Server) -> str:
    """Return the URL with its server, and a limit of 10 s on the retries of Google's client.

    Without the server, the client would ask Amazon for the bucket's region; without the limit, it
    would retry for 15 minutes.

    >>> with_server("s3://runs/wean", (("endpoint_override", "localhost:9000"),))
    's3://runs/wean?endpoint_override=localhost%3A9000'
    """
    parts = urlsplit(url)
    defaults = dict(server)
    if parts.scheme == "gs":
        defaults["retry_limit_seconds"] = "10"
    if not defaults:
        return url
    query = urlencode(defaults | dict(parse_qsl(parts.query)))
    return urlunsplit(parts._replace(query=query))
