"""Command lines in processes that a server forks: real processes, without the seconds that their imports take.

The server is an interpreter of its own, one for each pytest worker. It has imported the package and has not touched a
JAX backend, so what it forks stands where `python -m equilearn` stands after its imports: one thread, the system's
answers to signals, an environment, a folder and an output of its own, and at its end the end of an interpreter. Two
things are the server's: what JAX reads when it is imported, and the seed of Python's hashes; what is compared with a
forked run is therefore better made by `COMMAND`. Only Linux forks like that; elsewhere `start` does as usual.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile

COMMAND = [sys.executable, "-m", "equilearn"]
"""The real thing."""


class Forked:
    """A command under way: what tests use of `subprocess.Popen`, with the whole output as text."""

    def __init__(self, line, files):
        self.args, self.returncode, self._line, self._files = "equilearn", None, line, files
        self.pid = int(line.recv(100))

    def poll(self, timeout=0.0):
        """Return the exit code, or None where it has not ended after so many seconds."""
        if self.returncode is None:
            self._line.settimeout(timeout)
            try:
                self.returncode = int(self._line.recv(100))
            except (BlockingIOError, TimeoutError):
                return None
            self._line.close()
        return self.returncode

    def communicate(self, timeout=600.0):
        """Wait, and return what was said on the two outputs."""
        if self.poll(timeout) is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        said = []
        for file in self._files:
            with file:
                file.seek(0)
                said.append(file.read().decode())
        return tuple(said)

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def start(*arguments, env=None):
    """Start `equilearn` with these arguments, in this folder, with this environment."""
    environment = dict(os.environ if env is None else env)
    if sys.platform != "linux":
        pipe = subprocess.PIPE
        return subprocess.Popen([*COMMAND, *arguments], stdout=pipe, stderr=pipe, text=True, env=environment)
    server, imported = server_of_this_worker()
    assert imported == read_by_imports(environment), "what JAX reads when it is imported is the server's"
    message = json.dumps({"arguments": list(map(str, arguments)), "environment": environment, "folder": os.getcwd()})
    files = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115 (closed by communicate)
    ours, theirs = line_of_messages()
    socket.send_fds(server, [message.encode()], [*(file.fileno() for file in files), theirs.fileno()])
    theirs.close()
    return Forked(ours, files)


def run(*arguments, env=None):
    """Run `equilearn` to its end, which must be a good one."""
    process = start(*arguments, env=env)
    _, said = process.communicate()
    assert process.returncode == 0, said


def read_by_imports(environment):
    return {name: value for name, value in environment.items() if name.startswith("JAX_")}


@functools.cache
def server_of_this_worker():
    """Return the line to the server, which ends with this process, and what its imports read."""
    ours, theirs = line_of_messages()
    with theirs:
        server = subprocess.Popen([sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()])

    @atexit.register
    def end():
        ours.close()
        server.wait()

    return ours, read_by_imports(os.environ)


def line_of_messages():
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def import_everything():
    """Import what the command line ever does."""
    import equilearn

    for module in pkgutil.walk_packages(equilearn.__path__, "equilearn."):
        if module.name != "equilearn.__main__":
            importlib.import_module(module.name)
    for name in ("matplotlib.backends.backend_agg", "tensorboardX"):
        importlib.import_module(name)
    from jax._src.xla_bridge import backends_are_initialized

    assert not backends_are_initialized(), "a process with JAX's threads must not be forked"
    gc.collect()
    gc.freeze()  # what is never collected is not copied either


def serve(line):
    """Fork a process for every message; return in each what it is to do."""
    while True:
        message, handles, _, _ = socket.recv_fds(line, 1 << 20, 3)
        if not message:
            sys.exit()
        if not os.fork():
            break
        for handle in handles:
            os.close(handle)
        reap()
    line.close()
    watched(socket.socket(fileno=handles.pop()))
    for number, handle in enumerate(handles, start=1):
        os.dup2(handle, number)
        os.close(handle)
    return json.loads(message)


def reap():
    """Let those who have ended go."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def watched(told):
    """Fork once more; return in the new process, and tell from the old one who it is and how it ended."""
    started = os.fork()
    if started:
        told.send(b"%d" % started)
        code = os.waitstatus_to_exitcode(os.waitpid(started, 0)[1])
        with contextlib.suppress(OSError):  # nobody may want to know any more
            told.send(b"%d" % code)
        os._exit(0)
    told.close()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.path[0] = ""
    import_everything()
    asked = serve(socket.socket(fileno=int(sys.argv[1])))
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    sys.argv = ["equilearn", *asked["arguments"]]
    from equilearn.cli import main

    main()
