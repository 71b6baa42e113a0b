"""The demonstration plant is whole: every device can be entered, reached and simulated."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from gongfu.kernel.settings import Settings
from gongfu.network.drivers import registry
from gongfu.network.drivers.modbus import address as modbus
from gongfu.network.drivers.s7 import address as s7
from gongfu.network.models.library import type_by_id
from gongfu.simulators.machines.catalogue import machine_class
from gongfu.simulators.plants.demonstration import demonstration
from gongfu.simulators.plants.plant import Plant
from tests.simulators.plantfloor import configuration


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return demonstration(Settings(home=tmp_path, simulator_base_port=9100))


def test_it_has_three_enterprises_and_enough_machines_of_every_protocol(plant: Plant) -> None:
    assert [enterprise.code for enterprise in plant.enterprises] == ["hengrui", "huasu", "changqing"]
    assert len(plant.devices) >= 26
    spoken = Counter(device.driver for device in plant.devices)
    assert set(spoken) == {"opcua", "modbus", "s7", "mqtt", "sparkplug"}
    assert min(spoken.values()) >= 5
    assert {device.type for device in plant.devices} >= {
        "cnc-machining-centre",
        "six-axis-robot",
        "screw-air-compressor",
        "injection-moulding-machine",
        "centrifugal-pump",
        "energy-meter",
        "excavator",
    }


def test_keys_serials_and_names_are_unique(plant: Plant) -> None:
    for told in (
        [device.path for device in plant.devices],
        [device.serial for device in plant.devices],
        [(device.enterprise, device.name.zh) for device in plant.devices],
        [(device.server, device.unit) for device in plant.devices if device.driver in ("modbus", "s7")],
        [server.port for server in plant.servers],
    ):
        assert len(set(told)) == len(told)


def test_every_device_stands_at_a_place_of_its_enterprise(plant: Plant) -> None:
    for enterprise in plant.enterprises:
        known: set[str] = set()
        for place in enterprise.places:
            assert not place.parent or place.parent in known, place
            assert (place.kind == "site") == (place.parent == "")
            known.add(place.id)
        assert {device.place for device in plant.of(enterprise.code)} <= known


def test_nameplates_hold_the_fields_of_the_type(plant: Plant) -> None:
    for device in plant.devices:
        assert set(device.nameplate) == {field.key for field in type_by_id(device.type).nameplate}, device.path


def test_every_tag_of_the_type_has_an_address(plant: Plant) -> None:
    for device in plant.devices:
        assert [tag.key for tag in device.tags] == [tag.key for tag in type_by_id(device.type).tags]
        assert len({tag.address for tag in device.tags}) == len(device.tags)


def test_registers_and_data_blocks_do_not_overlap(plant: Plant) -> None:
    for device in plant.devices:
        taken: set[int] = set()
        for tag in device.tags:
            if device.driver == "modbus":
                place = modbus.parse(tag.address)
                cells = range(place.offset, place.offset + place.count)
            elif device.driver == "s7":
                block = s7.parse(tag.address)
                cells = range(block.start, block.start + block.size)
                assert block.start % 2 == 0
            else:
                continue
            assert taken.isdisjoint(cells), (device.path, tag.key)
            taken.update(cells)


def test_drivers_accept_the_options_and_addresses(plant: Plant) -> None:
    for device in plant.devices:
        config = configuration(device)
        completed = registry.complete(config)
        assert set(completed.options) >= set(device.options)
        if device.driver in ("mqtt", "sparkplug"):
            assert registry.fed(device.driver).open_feed(completed).filters


def test_ports_stay_within_the_twenty_that_are_announced(plant: Plant) -> None:
    servers = {server.name: server for server in plant.servers}
    assert all(9100 <= server.port < 9120 for server in plant.servers)
    for device in plant.devices:
        if device.server:
            assert servers[device.server].protocol == device.driver
            assert str(servers[device.server].port) in str(device.options)
        else:
            assert device.driver in ("mqtt", "sparkplug")


def test_every_machine_can_be_simulated(plant: Plant) -> None:
    assert all(machine_class(device.type)(1).values() for device in plant.devices)


def test_a_meter_measures_its_workshop_and_nothing_twice(plant: Plant) -> None:
    shop = next(device for device in plant.devices if device.name.zh == "一车间电能表")
    assert {device.key for device in plant.behind(shop)} == {"CNC-0001", "CNC-0002", "CNC-0003", "CNC-0004", "ROB-0001"}
    for enterprise in plant.enterprises:
        meters = [device for device in plant.of(enterprise.code) if device.type == "energy-meter"]
        measured = Counter(device.key for meter in meters for device in plant.behind(meter))
        assert measured
        assert set(measured.values()) == {1}
