"""Where the desk is served: [service]."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from bursar.config.kinds import Count, Names
from bursar.config.section import FILE, Section, setting


class Service(Section):
    """Where `bursar run` serves the desk, and to whom."""

    host: str = setting(
        "127.0.0.1",
        "Where it listens. Beyond this machine it does so with TLS alone, and only once an admin has a password.",
        "an address or a host name",
        min_length=1,
        max_length=253,
    )
    port: Count = setting(8005, "Port.", "1 to 65535", ge=1, le=65535)
    hosts: Names = setting(
        (),
        "Names under which it may be asked for, beside localhost; every other is refused, wherever it points.",
        'host names or addresses, such as ["desk.example.org"]',
    )
    certificate_file: str = setting(
        "",
        "Certificate for TLS and those that vouch for it, in PEM; empty for none.",
        'a path from / or ~, such as "~/desk.pem", or nothing',
        pattern=FILE,
    )
    key_file: str = setting(
        "",
        "Its private key, in PEM, which nobody but its owner may read. It stands in no setting.",
        'a path from / or ~, such as "~/desk.key", or nothing',
        pattern=FILE,
    )
    cache: str = setting(
        "",
        "Redis through which the latest prices reach the desk; empty, or while it is away, by a file of the run.",
        'a URL, such as "redis://127.0.0.1:6379/0", or nothing',
        pattern=r"^(rediss?://.+)?$",
    )

    @property
    def on_loopback(self) -> bool:
        """True where nobody reaches it but this machine."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def tls(self) -> tuple[Path, Path] | None:
        """The files of the certificate and of its key, or None without TLS."""
        if not self.certificate_file:
            return None
        return Path(self.certificate_file).expanduser(), Path(self.key_file).expanduser()
