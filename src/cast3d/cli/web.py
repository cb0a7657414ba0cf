"""`cast3d app`: the web app on this machine."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import INSTALL_APP, InputError
from ..files import expanded
from . import inputs
from .options import Backbone, With
from .output import plain_errors

if TYPE_CHECKING:
    from ..jobs.slots import Slot


def web(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any that is free.")] = 8765,
    host: Annotated[
        str, typer.Option("--host", help="Another address lets other machines in; they need the token.")
    ] = "127.0.0.1",
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", metavar="FOLDER", help="Where jobs are kept.", show_default="~/.cast3d/app"),
    ] = None,
    backbone: Backbone = None,
    devices: Annotated[
        list[str] | None,
        typer.Option("--device", metavar="cpu|cuda[:N]", help="One worker each; repeatable.", show_default="cpu"),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Workers on each device.")] = 1,
    loading: With = None,
    token: Annotated[
        str | None, typer.Option("--token", help="For --host; by default a new one is drawn.", show_default=False)
    ] = None,
    queue: Annotated[int, typer.Option("--queue", min=1, help="Most jobs that wait.")] = 1000,
    disk: Annotated[str, typer.Option("--disk", metavar="SIZE", help="Most that the workspace takes: 50GB, 800MB.")] = (
        "50GB"
    ),
    drop_oldest: Annotated[
        bool,
        typer.Option("--drop-oldest", help="Finished jobs make room, the oldest first, where one of these is full."),
    ] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
) -> None:
    """Compose in a browser: starts a server on this machine and opens its page.

    Over SSH: ssh -L 8765:127.0.0.1:8765 MACHINE, and open the address that is printed.
    """
    with plain_errors(kept="jobs are kept, and go on with the next start"):
        try:
            from ..app import server
            from ..app.service import Service
        except ImportError as error:
            raise InputError(f"the app needs an extra ({error.name} is missing): {INSTALL_APP}") from error
        from ..jobs.queue import Limits, Queue
        from ..jobs.uploads import Uploads
        from ..jobs.workspace import Workspace

        if token and not (token.isascii() and token.isalnum() and len(token) >= 16):
            raise InputError("a token is 16 or more letters and digits")
        name = inputs.backbone_path(backbone, Path()) or "bricks"
        places = devices or ["cpu"]
        for device in places:
            inputs.check_device(device)
        slots = workers_on(name, places, workers, inputs.read_loading(loading or (), name))
        sock = server.listening(host, port)
        opened = Workspace(expanded(workspace or Path("~/.cast3d/app")))
        jobs = Queue(opened, slots, Limits(queued=queue, disk=bytes_of(disk), drop_oldest=drop_oldest))
        try:
            uploads = Uploads(opened.uploads, jobs.require_disk, jobs.grow)
            service = Service(jobs, uploads, name, tuple(places), server.page_folder(), server.examples_folder())
            secret = None if server.is_loopback(host) else token or server.new_token()
            address = address_of(host, sock, secret)
            app = server.application(service, server.names_of(host), secret)
            server.serve(app, sock, lambda _: _greet(address, browser and server.is_loopback(host)))
        finally:
            jobs.close()
            opened.close()


def workers_on(backbone: str, devices: list[str], each: int, loading: dict) -> list[Slot]:
    """A slot per worker; those of the CPU share out its cores."""
    from ..jobs.work import cores, process_slot

    on_cpu = each * devices.count("cpu")
    threads = max(1, cores() // max(on_cpu, 1))
    return [process_slot(backbone, device, loading, threads) for device in devices for _ in range(each)]


def bytes_of(text: str) -> int:
    """ "50GB", "800 MB" -> bytes."""
    units = {"MB": 20, "GB": 30, "TB": 40}
    number, unit = text.strip()[:-2].strip(), text.strip()[-2:].upper()
    try:
        if unit in units and 0 < float(number) < 1e9:
            return int(float(number) * (1 << units[unit]))
    except ValueError:
        pass
    raise InputError(f"a size is a number with MB, GB or TB, such as 50GB, not {text!r}")


def address_of(host: str, sock: socket.socket, token: str | None) -> str:
    """What people open."""
    port = sock.getsockname()[1]
    shown = "127.0.0.1" if host == "localhost" else socket.getfqdn() if host in ("0.0.0.0", "::") else host
    shown = f"[{shown}]" if ":" in shown else shown
    return f"http://{shown}:{port}/" + (f"?token={token}" if token else "")


def _greet(address: str, browser: bool) -> None:
    typer.echo(f"cast3d runs at {address} (Ctrl-C ends it; jobs go on with the next start)")
    remote = any(name in os.environ for name in ("SSH_CONNECTION", "SSH_CLIENT"))
    if remote:
        port = address.rstrip("/").rpartition(":")[2].partition("/")[0]
        typer.echo(f"on your own machine: ssh -L {port}:127.0.0.1:{port} {socket.gethostname()}, then open it there")
    sys.stdout.flush()
    shows = sys.platform in ("darwin", "win32") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    if browser and shows and not remote:
        import webbrowser

        webbrowser.open(address)
