"""Real proxies in front of an app: nginx, which takes TLS off, and Varnish, a cache."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.support import servers

_NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    location = /favicon.ico {{ return 204; }}
    location {prefix}/ {{
      proxy_pass http://{app}/;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto https;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Prefix {prefix};
    }}
  }}
}}
"""

_VARNISH = """
vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{port}"; }}
{rules}
"""


@contextmanager
def nginx(address: str, folder: Path, prefix: str) -> Iterator[str]:
    """nginx with TLS, which serves an app below a prefix.

    :param address: The app's.
    :param folder: An empty one, for its files.
    :return: The address of the app for browsers.
    """
    program = _program("nginx")
    port = servers.free_port()
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost"
        f" -keyout {folder}/key.pem -out {folder}/cert.pem",
        shell=True,
        check=True,
        capture_output=True,
    )
    config = _NGINX.format(
        folder=folder, port=port, prefix=prefix, app=urlsplit(address).netloc
    )
    (folder / "nginx.conf").write_text(config)

    command = [program, "-c", f"{folder}/nginx.conf", "-p", str(folder)]

    with servers.listening(command, port, stderr=subprocess.DEVNULL):
        yield f"https://127.0.0.1:{port}{prefix}"


@contextmanager
def varnish(address: str, folder: Path, rules: str = "") -> Iterator[str]:
    """Varnish in front of an app.

    :param rules: What it does otherwise than as it is installed, in its language.
    """
    program = _program("varnishd")
    port = servers.free_port()
    config = folder / "default.vcl"
    config.write_text(_VARNISH.format(port=urlsplit(address).port, rules=rules))
    listen = f"127.0.0.1:{port}"
    # Without its jail, which needs a user of its own.
    command = [program, "-F", "-j", "none", "-a", listen, "-f", str(config)]
    command += ["-n", f"{folder}/work", "-s", "default,8m"]

    with servers.listening(command, port, stderr=subprocess.DEVNULL):
        yield f"http://{listen}"


def _program(name: str) -> str:
    servers.ask_for_servers()

    return shutil.which(name, path="/usr/sbin:/usr/bin") or servers.missing(name)
