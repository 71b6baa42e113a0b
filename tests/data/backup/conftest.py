"""A repository in a folder, and files to put into it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # the stand-in lies beside the tests
