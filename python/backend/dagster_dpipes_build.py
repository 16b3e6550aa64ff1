"""meson-python's hooks, but that the wheel is for every Python 3: its library is loaded by ctypes, no extension module."""

import subprocess
import sys
from pathlib import Path

import mesonpy
from mesonpy import *  # noqa: F403


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = mesonpy.build_wheel(wheel_directory, config_settings, metadata_directory)
    words = [sys.executable, "-m", "wheel", "tags", "--remove", "--python-tag", "py3", "--abi-tag", "none"]
    done = subprocess.run([*words, Path(wheel_directory, name)], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.split()[-1]
