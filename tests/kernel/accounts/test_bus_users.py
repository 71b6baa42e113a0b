"""The bus admits the devices of exactly the organisations that exist."""

from __future__ import annotations

import re

import pytest

from gongfu.kernel import nats_server
from gongfu.kernel.accounts import services
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.errors import Invalid
from gongfu.kernel.settings import settings


def admitted() -> set[str]:
    text = nats_server.users_file(settings().home).read_text(encoding="utf-8")
    return set(re.findall(r'\{user: "([^"]+)"', text)) - {"gongfu", nats_server.HOST_USER}


@pytest.mark.django_db(transaction=True)
def test_a_new_organisation_is_admitted_and_a_deleted_one_is_not() -> None:
    services.create_organisation("acme", "甲公司")
    other = services.create_organisation("other", "乙公司")
    assert admitted() == set(Organisation.objects.values_list("code", flat=True)) >= {"acme", "other"}
    other.delete()
    assert "other" not in admitted()
    assert "acme" in admitted()


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["gongfu", "STATE"])
def test_no_organisation_bears_the_name_of_the_node_itself(name: str) -> None:
    with pytest.raises(Invalid, match="code cannot be used"):
        services.create_organisation(name, "冒名者")
