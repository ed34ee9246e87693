"""`keras-gan doctor`: what it finds here, and what it says where something is missing."""

import json
import socket

import pytest

from keras_gan.apps import doctor
from keras_gan.data import tfds


def test_all_is_looked_at_and_the_network_is_not_needed(cli, tmp_path, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens: refused at once
        monkeypatch.setattr(tfds, "PROBE", closed.getsockname())
        for name in tfds.PROXIES:
            monkeypatch.delenv(name, raising=False)
        result = cli("doctor", "--json")
    findings = {f["name"]: f for f in map(json.loads, result.stdout.splitlines())}
    assert list(findings) == list(doctor.CHECKS)
    assert findings.pop("data sets")["status"] == doctor.WARNING
    assert findings["training"]["found"].startswith("20 steps on digits in ")
    # A small disk or a driver without its libraries are this machine's, and no failure.
    assert {f["status"] for f in findings.values()} <= {doctor.OK, doctor.WARNING}
    assert result.exit_code == 0
    assert result.stderr == "next: keras-gan fit digits\n"
    assert not any(tmp_path.iterdir())


def test_what_raises_is_a_finding_and_ends_with_1(cli, monkeypatch):
    def broken():
        raise OSError(5, "Input/output error")

    looks = {"disk": broken, "data sets": lambda: (doctor.WARNING, "no answer", "Use --data-dir.")}
    monkeypatch.setattr(doctor, "CHECKS", looks)
    result = cli("doctor")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "failed  disk       OSError: [Errno 5] Input/output error",
        f"{'':<19}See `keras-gan --debug fit digits`.",
        "warning data sets  no answer",
        f"{'':<19}Use --data-dir.",
    ]


@pytest.mark.parametrize("free, status", [(2**40, doctor.OK), (2**30, doctor.WARNING)])
def test_little_room_is_told(free, status, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_RUNS", str(tmp_path / "not/yet/there"))
    usage = doctor.shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: usage)
    assert doctor.CHECKS["disk"]()[0] == status
    assert not any(tmp_path.iterdir())
