"""The Dockerfile of a system image, from the names of packages and a template."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jinja2 import TemplateError
from jinja2.runtime import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from slipway_serving.build.faults import BuildFault

BASE = "localhost/slipway-base"
SETTINGS = "/run/slipway"
"""Where the folder with apt's settings is mounted while instructions run; nothing of it stays in the image."""

# SOURCE_DATE_EPOCH is 1980: the day on which a package adds a user stands in /etc/shadow, and zip knows none before.
_BEGINNING = f"""FROM {BASE}
USER 0
ARG DEBIAN_FRONTEND=noninteractive
ARG APT_CONFIG={SETTINGS}/apt.conf
ARG SOURCE_DATE_EPOCH=315532800
"""
# The blocks that BentoML's own template has, so that a `docker.dockerfile_template` written for it can be used here.
_BLOCKS = """{% block SETUP_BENTO_BASE_IMAGE %}{{ slipway_beginning }}{% endblock %}
{% block SETUP_BENTO_USER %}{% endblock %}
{% block SETUP_BENTO_ENVARS %}{% endblock %}
{% block SETUP_BENTO_COMPONENTS %}{{ slipway_packages }}{% endblock %}
{% block SETUP_BENTO_ENTRYPOINT %}{% endblock %}
"""
_INSTRUCTION = re.compile(r"^[ \t]*(FROM|COPY|ADD)[ \t]+(.*)$", re.MULTILINE | re.IGNORECASE)


def dockerfile(packages: Sequence[str], template: str) -> str:
    """The text of a Dockerfile upon BASE: the packages first, then what the template asks for.

    A template either extends `bento_base_template`, as BentoML's do, or holds instructions that follow the packages.
    Raises BuildFault InvalidDockerfile.
    """
    installation = _installation(packages)
    if not template.strip():
        return _BEGINNING + installation
    environment = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    values = {"slipway_beginning": _BEGINNING, "slipway_packages": installation}
    try:
        parent = environment.from_string(_BLOCKS)
        text = environment.from_string(template).render(bento_base_template=parent, **values)
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise BuildFault("system", "InvalidDockerfile", f"the template cannot be rendered: {error}") from error
    if "bento_base_template" not in template:
        text = f"{_BEGINNING}{installation}{text}"
    _check(text)
    return text.rstrip() + "\n"


def _installation(packages: Sequence[str]) -> str:
    if not packages:
        return ""
    names = " ".join(sorted(set(packages)))
    return f"RUN apt-get update && apt-get install -y --no-install-recommends {names}\n"


def _check(text: str) -> None:
    """One stage, upon our base, from no files but what commands fetch: there is no build context."""
    for found in _INSTRUCTION.finditer(text):
        word, rest = found.group(1).upper(), found.group(2).strip()
        if word == "FROM" and rest != BASE:
            message = f"FROM {rest}: an image is built upon spec.image.base alone; name another base there"
            raise BuildFault("system", "InvalidDockerfile", message)
        if word in ("COPY", "ADD") and "://" not in rest:
            message = f"{word} {rest}: there is no build context to copy from; let RUN fetch what is needed"
            raise BuildFault("system", "InvalidDockerfile", message)
    if len(re.findall(r"^[ \t]*FROM\b", text, re.MULTILINE | re.IGNORECASE)) != 1:
        raise BuildFault("system", "InvalidDockerfile", "the template must keep SETUP_BENTO_BASE_IMAGE's {{ super() }}")
