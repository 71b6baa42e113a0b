"""Starts a node's processes, keeps them alive, tells how they are, and stops them in order.

| file | what |
|---|---|
| ``plan.py`` | what to start: names, commands, addresses of health, order |
| ``ports.py`` | every port is free before anything starts |
| ``lock.py`` | one supervisor for one home; what a killed one left behind is ended first |
| ``child.py`` | the life of one process |
| ``output.py`` | what processes print: prefixed on the terminal, and in files that do not grow for ever |
| ``probe.py`` | asks a process whether it is ready |
| ``status.py`` | what the supervisor tells others |
| ``main.py`` | all of it together |
"""
