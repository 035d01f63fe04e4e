"""Workflows: actions are pinned to commits, and only the job that publishes may write."""

import re
from pathlib import Path

import pytest
import yaml

WORKFLOWS = sorted((Path(__file__).resolve().parents[2] / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
MAY_WRITE = {("pages", "deploy"): {"pages": "write", "id-token": "write"}}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_to_commits(path):
    used = re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))
    assert used
    assert [action for action in used if not PINNED.fullmatch(action)] == []


def test_one_action_has_one_commit():
    used = {action for path in WORKFLOWS for action in re.findall(r"uses: (.*)", path.read_text(encoding="utf-8"))}
    assert len(used) == len({action.partition("@")[0] for action in used})


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_tokens_only_read(path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert job.get("permissions", {}) == MAY_WRITE.get((path.stem, name), {})
        checkouts = [step for step in job["steps"] if "checkout@" in step.get("uses", "")]
        assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


def test_what_must_be_switched_on_is_said():
    (pages,) = (path for path in WORKFLOWS if path.stem == "pages")
    assert "Source > GitHub Actions" in pages.read_text(encoding="utf-8").partition("on:\n")[0]


def test_every_python_is_tried_with_the_lock_and_with_the_newest_versions():
    tried = {path.stem: re.findall(r"python: (\[.*\])", path.read_text(encoding="utf-8")) for path in WORKFLOWS}
    assert tried["ci"] == tried["newest"] == ['["3.11", "3.12", "3.13", "3.14"]']


def test_a_release_is_built_audited_and_listed():
    (release,) = (path for path in WORKFLOWS if path.stem == "release")
    steps = [step.get("run", "") for step in yaml.safe_load(release.read_text("utf-8"))["jobs"]["packages"]["steps"]]
    audits = [step for step in steps if step.startswith("pip-audit --requirement requirements.lock")]
    assert "python -m build" in steps
    assert [("cyclonedx" in step, "dist/sbom.json" in step) for step in audits] == [(False, False), (True, True)]


def test_the_lock_pins_every_package():
    lines = (WORKFLOWS[0].parents[2] / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert [
        line for line in lines if line and not line.startswith("#") and not re.match(r"[\w.-]+==[\w.+!]+$", line)
    ] == []
