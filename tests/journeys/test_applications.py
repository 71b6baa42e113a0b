"""From the notice to the payment in a browser: officials, a department, experts, three enterprises, a citizen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from .conftest import Node, Visit, Visitor
from .test_every_page import check

pytestmark = [pytest.mark.journey, pytest.mark.timeout(400)]

_PLANTS = ("东昌精密机械有限公司", "盈港塑业有限公司", "淀山湖电子有限公司")
_MATTERS = ("机加工车间设备互联平台", "注塑协同制造平台", "电子装配数据平台")
_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
_PASS = """
import datetime as dt, django
django.setup()
from gongfu.governance.applications import clock
from gongfu.governance.applications.models import Publication
Publication.objects.filter(title="journey").update(ends_on=clock.today() - dt.timedelta(days=1))
"""


def let_the_public_notice_pass(node: Node) -> None:
    """As if its last day had ended."""
    environment = os.environ | {
        "GONGFU_HOME": str(node.home),
        "DJANGO_SETTINGS_MODULE": "gongfu.console.django_settings",
    }
    subprocess.run([sys.executable, "-c", _PASS], env=environment, check=True)


def press(page: Page, label: str, **typed: str) -> None:
    """Open the step called ``label`` beside the story, type what it asks, and take it."""
    button = page.locator("button", has_text=re.compile(rf"^\s*{label}\s*$"))
    form = page.locator("form", has=button).last
    if not form.is_visible():
        form.locator("xpath=ancestor::details[1]/summary").click()
    for name, text in typed.items():
        form.locator(f"[name={name}]").fill(text)
    with page.expect_navigation():
        form.locator("button", has_text=re.compile(rf"^\s*{label}\s*$")).click()
    assert page.locator(".note-error").count() == 0, page.locator(".note-error").inner_text()


def published(li: Visit) -> str:
    """Publish a notice; returns its address."""
    page = li.page
    li.open("/governance/notices/new/")
    page.fill("#number", "测科委〔2026〕8号")
    page.fill("#title", "工业互联网专项支持申报通知")
    page.fill("#text", "请符合条件的企业在线申报。")
    page.fill("#deliberates", "产业发展协调推进办公室")
    page.check("input[name=clause][value='2.1']")
    page.get_by_label("测试区财政局").check()
    page.fill("#papers", "营业执照复印件")
    li.photograph("applications-notice-form")
    assert check(li, "notice-form") == []
    page.click("button[value=publish]")
    page.wait_for_url(re.compile(r"/governance/notices/\d+/$"))
    return page.url.removeprefix(li.node.url)


def supported_projects(li: Visit) -> int:
    """The figure of this indicator on the page of the plan; nothing is 0."""
    li.open("/governance/plan/")
    row = li.page.locator("tr", has_text="获专项支持或试点示范的项目")
    found = re.match(r"\s*([0-9]+)", row.locator("td.plan-now").inner_text())
    return int(found[1]) if found else 0


def applied(visit: Visitor, number: int, notice: str, size: str) -> tuple[Visit, str]:
    """Fill in and hand in the form of an enterprise; returns who did and the application's address."""
    one = visit(size, username=f"plant-{number}")
    page = one.page
    one.open("/governance/apply/")
    assert check(one, "portal") == []
    one.open(notice)
    assert check(one, "notice") == []
    page.locator("form.begin button").click()
    page.wait_for_url(re.compile("/form/"))
    assert page.input_value("#f-name") == _PLANTS[number]
    page.fill("#f-contact_phone", f"021-597300{number}0")
    page.fill("#f-matter", _MATTERS[number])
    page.fill("#f-basis", "80万")
    page.locator("#f-summary").press_sequentially("设备联网")
    page.wait_for_selector("#saved :text('已保存')")
    page.fill("#f-bank", "农商银行")
    page.fill("#f-account", f"62220210011162457{number:02d}")
    for box in page.locator("input[name=fact]").all():
        box.press("Space")
    page.wait_for_selector("#saved b:text('¥240,000.00')")
    page.locator("#papers input[type=file]").first.set_input_files(
        {"name": "执照.pdf", "mimeType": "application/pdf", "buffer": _PDF + str(number).encode()}
    )
    page.locator("#papers form").first.get_by_role("button", name="上传").click()
    page.wait_for_selector("#papers a:text('执照.pdf')")
    one.photograph("applications-form")
    assert check(one, "form") == []
    page.locator("button[value=submit]").click()
    page.wait_for_url(re.compile(r"/governance/applications/\d+/$"))
    assert "已提交" in page.content()
    return one, page.url.removeprefix(one.node.url)


def judged(visit: Visitor, number: int) -> None:
    """An expert accepts, scores and submits, on a tablet's width or less."""
    one = visit("phone", username=f"expert-{number}")
    page = one.page
    one.open("/governance/reviews/")
    page.locator("main a[href*='/governance/reviews/']").first.click()
    page.locator("button[value=accept]").click()
    page.wait_for_selector("input.mark")
    assert check(one, "judge") == []
    assert not any(name in page.content() for name in _PLANTS)
    for mark in page.locator("input.mark").all():
        mark.fill("86")
    page.fill("#comment", "方案可行")
    with page.expect_navigation():
        page.get_by_role("button", name="提交", exact=True).click()


def test_from_the_notice_to_the_payment(visit: Visitor, browser: Browser, node: Node, tmp_path: Path) -> None:
    if node.home is None:
        pytest.skip("time passes on a node of our own only")
    li = visit(username="official-li")
    before = supported_projects(li)
    notice = published(li)
    own, *made = applied(visit, 0, notice, "desktop")
    made += [applied(visit, number, notice, size)[1] for number, size in ((1, "phone"), (2, "desktop"))]

    # first check, departments
    for path in made[:2]:
        li.open(path)
        press(li.page, "初审通过")
    li.open(made[2])
    press(li.page, "不予支持", reason="不属于企业级平台建设")
    deng = visit(username="finance-deng")
    deng.open("/governance/desk/")
    assert check(deng, "desk") == []
    for path in made[:2]:
        deng.open(path)
        press(deng.page, "提交意见")

    # experts: the first by a panel, the second met elsewhere
    for path in made[:2]:
        li.open(path)
        press(li.page, "联合审核通过")
    li.open(made[0])
    press(li.page, "随机抽取专家", number="2")
    for number in range(2):
        judged(visit, number)
    li.open(made[1])
    press(li.page, "登记结果", result="三位专家平均 81 分，建议支持")
    for path in made[:2]:
        li.open(path)
        press(li.page, "评审通过")
        press(li.page, "征询完成", reason="相关部门无意见")
    li.photograph("applications-story")
    assert check(li, "story") == []

    # public notice; somebody objects without signing in
    li.open(f"{notice}publish-results/")
    li.page.fill("#title", "journey")
    li.page.locator("main form button").click()
    li.page.wait_for_url(re.compile(r"/governance/publications/\d+/$"))
    publication = li.page.url.removeprefix(node.url)
    citizen = browser.new_context(locale="zh-CN").new_page()
    citizen.goto(node.url + publication)
    assert _PLANTS[1] in citizen.content()
    citizen.select_option("#application", index=2)
    citizen.fill("#name", "张某")
    citizen.fill("#contact", "13800000000")
    citizen.fill("#objection", "该平台去年已经获得其他部门的资金支持。")
    citizen.get_by_role("button", name="提交异议").click()
    citizen.wait_for_selector(":text('异议已收到')")
    li.open(publication)
    li.photograph("applications-publication")
    assert check(li, "publication") == []
    li.page.fill("textarea[name=text] >> nth=0", "经核实，情况属实。")
    li.page.check("input[name=upheld]")
    with li.page.expect_navigation():
        li.page.get_by_role("button", name="答复", exact=True).click()
    li.open(made[1])
    press(li.page, "不予支持", reason="异议成立")
    citizen.reload()
    assert "经核实，情况属实。" in citizen.content()
    assert "已不在拟支持之列" in citizen.content()
    assert "张某" not in citizen.content()
    citizen.context.close()

    # decision by another official, payment
    let_the_public_notice_pass(node)
    li.open(made[0])
    press(li.page, "公示结束")
    wang = visit(username="official-wang")
    wang.open(made[0])
    press(wang.page, "审定通过", document="纪要〔2026〕3号")
    li.open(made[0])
    press(li.page, "登记拨付", document="财〔2026〕17号")
    li.photograph("applications-paid")
    press(li.page, "办结")
    assert "办结" in li.page.locator(".lead-figure").inner_text()

    # the indicator has moved, and the monthly report is printed
    li.open("/governance/ledger/?q=东昌")
    paid = li.page.locator("#list tbody tr", has_text=_PLANTS[0])
    assert "240,000.00" in paid.inner_text()
    assert supported_projects(li) == before + 1
    with li.page.expect_download() as found:
        li.page.locator("a[href*='report.pdf']").first.click()
    target = tmp_path / "report.pdf"
    found.value.save_as(target)
    assert target.read_bytes().startswith(b"%PDF")
    own.open(made[0])
    with own.page.expect_download() as archive:
        own.page.locator("a[href$='archive.zip']").click()
    assert archive.value.suggested_filename.endswith(".zip")
    own.open(made[1])
    assert own.faults.pop().endswith("404 (Not Found)")
