"""serve says in one line what keeps it from serving."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from pytest_socket import enable_socket

from opro_local.cli import main


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "opro_local.web.server", raising=False)
    result = CliRunner().invoke(main, ["serve", str(tmp_path)])
    assert result.exit_code == 2
    assert "needs uvicorn" in result.output and "opro-local[web]" in result.output


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    enable_socket()
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(main, ["serve", str(tmp_path), "--port", port])
    assert result.exit_code == 2
    assert f"Port {port}" in result.output and "--port" in result.output


def test_ctrl_c_ends_it_with_one_line(tmp_path: Path) -> None:
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    program += "from opro_local.cli import main; main(['serve'])"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "OPRO_LOCAL_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as serving:
        assert serving.stdout is not None and serving.stderr is not None
        assert serving.stdout.readline().startswith("http://127.0.0.1:")
        time.sleep(0.5)  # the address is told right before uvicorn takes the signal over
        serving.send_signal(signal.SIGINT)
        assert serving.wait(timeout=20) == 130
        assert serving.stderr.read() == "opro-local: Interrupted.\n"
