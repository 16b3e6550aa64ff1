"""A terminal for the tests: a pseudo-terminal, and a screen that is made of what is written to it."""

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
import unicodedata

TOKEN = re.compile(r"\x1b\[(?P<args>[\d;]*)(?P<final>[A-Za-z])|(?P<text>.)", re.DOTALL)


def columns_of(character):
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Screen:
    """Rows of text, those that have scrolled off among them, as a terminal shows them. It fails on an escape sequence that
    `dpipes` has no need of."""

    def __init__(self, columns):
        self.columns = columns
        self.rows = [""]
        self.row = self.column = 0

    def write(self, text):
        for token in TOKEN.finditer(text):
            if token["final"]:
                self.control(token["final"], token["args"])
            else:
                self.put(token["text"])

    def control(self, final, args):
        if final == "A":
            self.row -= int(args or 1)
            assert self.row >= 0
        elif final == "J":
            assert args == ""
            del self.rows[self.row + 1 :]
            self.rows[self.row] = self.rows[self.row][: self.column]
        else:
            assert final == "m", f"ESC [ {args} {final}"

    def next_row(self):
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append("")

    def put(self, character):
        if character == "\n":
            self.next_row()
        elif character == "\r":
            self.column = 0
        elif character == "\t":
            self.column = min(self.column // 8 * 8 + 8, self.columns - 1)
        else:
            assert character >= " ", repr(character)
            self.put_visible(character)

    def put_visible(self, character):
        width = columns_of(character)
        if self.column + width > self.columns:
            self.next_row()
            self.column = 0
        cells = self.cells(self.row)
        cells += " " * (self.column - len(cells))
        cells[self.column :] = [character, *cells[self.column + 1 :]] if width == 1 else [character, ""]
        self.rows[self.row] = "".join(cells)
        self.column += width

    def cells(self, row):
        """One string a column; of a wide character the second is empty."""
        return [cell for c in self.rows[row] for cell in [c, ""][: columns_of(c)]]

    @property
    def lines(self):
        return [row.rstrip() for row in self.rows]


class Terminal:
    """A program on a terminal of its own, which is also what Ctrl-C reaches."""

    def __init__(self, command, env, columns=80):
        self.master, slave = os.openpty()
        self.columns = columns
        self.raw = b""
        self.resize(columns)
        self.modes = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [str(word) for word in command],
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self.slave = slave

    def resize(self, columns, rows=24):
        self.columns = columns
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys):
        os.write(self.master, keys)

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            self.raw += os.read(self.master, 65536)
            return True
        return False

    @property
    def text(self):
        return self.raw.decode("utf-8", "replace")

    @property
    def screen(self):
        screen = Screen(self.columns)
        screen.write(self.text)
        return screen

    def wait_for(self, is_there, seconds=60):
        """Reads until the lines of the screen are as wanted, and returns them."""
        until = time.monotonic() + seconds
        while not is_there(self.screen.lines):
            assert time.monotonic() < until, self.screen.lines
            self.read(0.1)
        return self.screen.lines

    def finish(self, seconds=60):
        """Reads to the program's end, and returns its exit code."""
        until = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < until, self.screen.lines
            self.read(0.05)
        while self.read(0):
            pass
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


def let(directory, name):
    (directory / name).touch()


def shows(*patterns):
    """Whether the last lines are these, for Terminal.wait_for."""

    def is_there(lines):
        last = lines[-len(patterns) :]
        return len(last) == len(patterns) and all(map(re.fullmatch, patterns, last))

    return is_there
