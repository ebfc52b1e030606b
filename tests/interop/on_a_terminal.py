"""Runs a program on a terminal of its own, for those that want one, and exits with its status."""
import os
import pty
import sys

os.environ["TERM"] = "xterm"
status = pty.spawn(sys.argv[1:], stdin_read=lambda fd: os.read(fd, 1024))
sys.exit(os.waitstatus_to_exitcode(status))
