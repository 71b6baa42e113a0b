"""Drivers, one folder each. See :mod:`gongfu.network.drivers.contract`."""
