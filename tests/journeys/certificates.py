"""A certificate authority of a test's own, made with the openssl command."""

import subprocess
from pathlib import Path


class Authority:
    """A CA that signs server certificates; `certificate` is the PEM a client has to believe."""

    def __init__(self, directory, name):
        self._directory = Path(directory)
        self._directory.mkdir(parents=True)
        self._key = self._directory / "ca.key"
        self.certificate = self._directory / "ca.crt"
        _openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", self._key, "-out", self.certificate, "-days", "2", "-subj", f"/CN={name}"),
            *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        )
        self.certificate.chmod(0o644)

    def issue(self, directory, domain):
        """Makes a key and a certificate chain for a domain; returns both paths."""
        directory = Path(directory)
        key, request, chain = (directory / f"{domain}.{kind}" for kind in ("key", "csr", "crt"))
        extensions = directory / f"{domain}.ext"
        extensions.write_text(
            f"subjectAltName=DNS:{domain},DNS:*.{domain}\n"
            "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n"
        )
        _openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", key, "-out", request, "-subj", f"/CN={domain}"),
        )
        _openssl(
            *("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial"),
            *("-out", chain, "-days", "2", "-extfile", extensions),
        )
        return key, chain


def _openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")
