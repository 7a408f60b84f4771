"""Servers with TLS, for clients that speak nothing else."""

from __future__ import annotations

import ssl
import subprocess
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.browsers import served


@contextmanager
def served_by_tls(app: t.Any, folder: Path) -> Iterator[str]:
    """The address of an app on this machine, with a certificate that nobody knows.

    :param folder: Where the certificate is put.
    """
    names = "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 1 {names}"
    subprocess.run(
        [*command.split(), "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")

    with served(app, context) as address:
        yield address
