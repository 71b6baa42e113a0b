"""``python -m gongfu.cli``: how the supervisor starts the others, whatever PATH says."""

from gongfu.cli import main

main()
