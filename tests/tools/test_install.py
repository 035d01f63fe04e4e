import pytest

CONFIG = """\
:env:.cert='/certificates.pem'
:env:.disable-pip-version-check='1'
global.cert='/old.pem'
global.extra-index-url='https://one/simple\\nhttps://two/simple'
global.find-links='/wheels /more'
install.index-url='https://three/simple'
"""


@pytest.fixture
def settings(tool):
    return tool("install").uv_settings


def test_settings_of_pip_are_passed_on(settings):
    assert settings(CONFIG, {}) == {
        "SSL_CERT_FILE": "/certificates.pem",
        "UV_INDEX": "https://one/simple https://two/simple",
        "UV_FIND_LINKS": "/wheels,/more",
        "UV_DEFAULT_INDEX": "https://three/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


def test_settings_of_uv_stay(settings):
    found = settings(CONFIG, {"UV_DEFAULT_INDEX": "https://mine", "SSL_CERT_FILE": "/mine.pem"})
    assert found.keys() == {"UV_INDEX", "UV_FIND_LINKS", "UV_INDEX_STRATEGY"}


def test_without_settings_of_pip_there_are_few(settings):
    assert settings("", {}) == {"UV_INDEX_STRATEGY": "unsafe-best-match"}


def test_what_installs_is_locked(tool):
    install = tool("install")
    pinned = {line.partition("==")[0] for line in install.LOCK.read_text(encoding="utf-8").splitlines()}
    assert pinned.issuperset(install.NEEDED_FIRST)
