"""Private XMPP servers from Debian's packages: loopback only, unprivileged, own directory, own certificate.

Nothing here knows about devices or clients. A server lives in a temporary directory and is gone without a trace
after `stop`; should the tests die without a word, the kernel ends it (`setpriv --pdeathsig`).
"""

import glob
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from certificates import Authority

DOMAIN = "home.example"
START_DEADLINE = 30.0
STOP_DEADLINE = 20.0


class ServerFailed(Exception):
    """A server did not start or stop; the text carries its log."""


class Server:
    """What both servers have in common: a directory, a port, a certificate and a process."""

    name = ""
    package = ""
    user = ""

    def __init__(self):
        self.domain = DOMAIN
        self.host = "127.0.0.1"
        self.port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix=f"journey-{self.name}-"))
        self.authority = Authority(self.directory / "ca", f"Journeys {self.name} CA")
        self.ca_file = self.authority.certificate
        self._process = None
        self._configure()
        self._hand_over()

    def sessions(self):
        """The full JIDs of all sessions that the server has, those included whose connection is gone and which wait to
        be resumed (XEP-0198)."""
        raise NotImplementedError

    @property
    def pubsub_service(self):
        """Address of the server's publish-subscribe service."""
        return f"pubsub.{self.domain}"

    def start(self):
        """Starts the server and returns once it answers a stream header with its features.

        Raises ServerFailed with the log if it does not within START_DEADLINE seconds.
        """
        output = open(self.directory / "output.log", "ab")
        self._process = subprocess.Popen(
            [*self._privileges(), *self._command()],
            cwd=self.directory,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.directory), **self._environment()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        output.close()
        deadline = time.monotonic() + START_DEADLINE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailed(f"{self.name} does not answer on {self.port}\n{self.logs()}")
            time.sleep(0.02)

    def stop(self):
        """Stops the server if it runs; accounts and nodes stay in its directory."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def kill(self):
        """Ends the server as a power cut would; what it has written stays in its directory."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def close(self):
        """Stops the server and removes its directory."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def logs(self):
        """The end of everything the server wrote."""
        parts = []
        for log in sorted(self.directory.glob("**/*.log")):
            parts.append(f"--- {log.name}\n" + log.read_text(errors="replace")[-4000:])
        return "\n".join(parts)

    def _answers(self):
        # An open port is not enough: ejabberd listens before its router is up.
        header = (
            f"<stream:stream to='{self.domain}' version='1.0' xmlns='jabber:client'"
            " xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        try:
            with socket.create_connection((self.host, self.port), timeout=1) as stream:
                stream.sendall(header.encode())
                answer = b""
                while b"</stream:features>" not in answer:
                    piece = stream.recv(4096)
                    if not piece:
                        return False
                    answer += piece
                return True
        except OSError:
            return False

    def _privileges(self):
        # Neither server wants to run as root, and a test has no reason to.
        base = ["setpriv", "--pdeathsig", "TERM"]
        if os.geteuid() != 0:
            return base
        return [*base, "--reuid", self.user, "--regid", self.user, "--init-groups", "--no-new-privs"]

    def _hand_over(self):
        self.directory.chmod(0o755)
        if os.geteuid() != 0:
            return
        entry = pwd.getpwnam(self.user)
        for path in [self.directory, *self.directory.glob("**/*")]:
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def _configure(self):
        raise NotImplementedError

    def _command(self):
        raise NotImplementedError

    def _environment(self):
        return {}


class Prosody(Server):
    """Prosody as Debian ships it, with its throttles off and registration open."""

    name = "prosody"
    package = "prosody"
    user = "prosody"

    def _configure(self):
        (self.directory / "data").mkdir()
        key, chain = self.authority.issue(self.directory, self.domain)
        (self.directory / "prosody.cfg.lua").write_text(
            PROSODY.format(directory=self.directory, port=self.port, domain=self.domain, key=key, chain=chain)
        )

    def sessions(self):
        config = str(self.directory / "prosody.cfg.lua")
        everybody = "> local all = {} for jid in pairs(prosody.full_sessions) do table.insert(all, jid) end"
        everybody += " return table.concat(all, ' ')"
        asked = [*self._privileges(), "prosodyctl", "--config", config, "shell", everybody]
        said = subprocess.run(asked, cwd=self.directory, capture_output=True, text=True, timeout=START_DEADLINE)
        if said.returncode != 0:
            raise ServerFailed(f"prosodyctl: {said.stdout}{said.stderr}\n{self.logs()}")
        return re.findall(rf"\S+@{re.escape(self.domain)}/\S+", said.stdout)

    def _command(self):
        return ["prosody", "-F", "--config", str(self.directory / "prosody.cfg.lua")]


class Ejabberd(Server):
    """ejabberd as Debian ships it, without distribution, shapers and registration limits."""

    name = "ejabberd"
    package = "ejabberd"
    user = "ejabberd"

    def sessions(self):
        asked = urllib.request.Request(f"http://{self.host}:{self._api}/api/connected_users", b"{}")
        with urllib.request.urlopen(asked, timeout=START_DEADLINE) as answer:
            return json.load(answer)

    def _configure(self):
        self._api = free_port()
        (self.directory / "spool").mkdir()
        (self.directory / "logs").mkdir()
        key, chain = self.authority.issue(self.directory, self.domain)
        both = self.directory / "server.pem"
        both.write_text(key.read_text() + chain.read_text())
        (self.directory / "inetrc").write_text('{lookup, ["file", "native"]}.\n')
        (self.directory / "ejabberd.yml").write_text(
            EJABBERD.format(port=self.port, api=self._api, domain=self.domain, certificate=both)
        )

    def _command(self):
        # A node without a name needs neither epmd nor a cookie nor a port, and its database lives alone.
        spool = self.directory / "spool"
        return [
            *("erl", "+K", "true", "+S", "2", "-noshell", "-noinput"),
            *("-mnesia", "dir", f'"{spool}"', "-s", "ejabberd"),
        ]

    def _environment(self):
        libraries = glob.glob("/usr/lib/*/ejabberd-*") or glob.glob("/usr/lib/ejabberd-*")
        if not libraries:
            raise ServerFailed("ejabberd's libraries are not where Debian puts them")
        return {
            "ERL_LIBS": str(Path(libraries[0]).parent),
            "ERL_CRASH_DUMP_BYTES": "0",
            "ERL_INETRC": str(self.directory / "inetrc"),
            "EJABBERD_CONFIG_PATH": str(self.directory / "ejabberd.yml"),
            "EJABBERD_LOG_PATH": str(self.directory / "logs" / "ejabberd.log"),
        }


BY_NAME = {server.name: server for server in (Prosody, Ejabberd)}


def free_port():
    """A TCP port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


PROSODY = """\
daemonize = false
pidfile = "{directory}/prosody.pid"
data_path = "{directory}/data"
certificates = "{directory}"
interfaces = {{ "127.0.0.1" }}
use_ipv6 = false
c2s_ports = {{ {port} }}
s2s_ports = {{}} http_ports = {{}} https_ports = {{}} c2s_direct_tls_ports = {{}}
log = {{ {{ levels = {{ min = "info" }}, to = "file", filename = "{directory}/prosody.log" }} }}
default_storage = "internal"
authentication = "internal_hashed"
allow_registration = true
c2s_require_encryption = true
modules_enabled = {{
  "roster", "saslauth", "tls", "disco", "posix", "ping", "pep", "register_ibr", "register", "smacks",
  "carbons", "version", "time", "blocklist", "admin_shell",
}}
modules_disabled = {{ "s2s" }}
pep_max_items = 256
VirtualHost "{domain}"
  ssl = {{ key = "{key}", certificate = "{chain}" }}
Component "pubsub.{domain}" "pubsub"
"""

EJABBERD = """\
loglevel: warning
hosts: ["{domain}"]
certfiles: ["{certificate}"]
auth_method: internal
auth_password_format: scram
registration_timeout: infinity
listen:
  - port: {port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    max_stanza_size: 262144
    shaper: none
    access: all
    starttls: true
    starttls_required: true
  - port: {api}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers:
      /api: mod_http_api
api_permissions:
  "who is there":
    who: {{ip: "127.0.0.1"}}
    what: [connected_users]
acl:
  local: {{user_regexp: ""}}
access_rules:
  register: {{allow: all}}
  pubsub_createnode: {{allow: local}}
shaper: {{}}
shaper_rules:
  max_user_sessions: 10
modules:
  mod_blocking: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_disco: {{}}
  mod_http_api: {{}}
  mod_last: {{}}
  mod_offline: {{}}
  mod_ping: {{}}
  mod_privacy: {{}}
  mod_pubsub:
    access_createnode: pubsub_createnode
    ignore_pep_from_offline: false
    last_item_cache: false
    max_items_node: 256
    plugins: [flat, pep]
  mod_register: {{ip_access: all, access: register, access_from: all}}
  mod_roster: {{versioning: true}}
  mod_stream_mgmt: {{resume_timeout: 60}}
  mod_time: {{}}
  mod_version: {{}}
"""
