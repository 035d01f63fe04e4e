"""The bundle of the explorer's modules: it runs as one classic script."""

import subprocess

import pytest
from explorer_page import node


@pytest.fixture
def bundle(tool, tmp_path):
    """A function that writes modules and bundles them."""

    def made(**modules):
        for name, text in modules.items():
            (tmp_path / name.replace("_", ".")).write_text(text, encoding="utf-8")
        return tool("explorer_bundle").bundle(tmp_path)

    return made


def printed(script):
    return subprocess.run([node(), "--eval", script], capture_output=True, text=True, check=True).stdout.split()


def test_modules_see_what_they_import_and_nothing_else(bundle):
    script = bundle(
        main_mjs='import { two, Box } from "./a.mjs";\nimport {\n  one,\n} from "./b.mjs";\n'
        'import facts from "./f.json" with { type: "json" };\n'
        "console.log(one(), two, new Box().held, facts.three, typeof hidden, typeof require);\n",
        a_mjs='import { one } from "./b.mjs";\nexport const two = one() + 1;\nexport class Box {\n  held = hidden;\n}\n'
        'const hidden = "a";\n',
        b_mjs='const hidden = "b";\nexport function one() {\n  return 1;\n}\n',
        f_json='{"three": 3}',
    )
    assert printed(script) == ["1", "2", "a", "3", "undefined", "function"]
    assert script.count("function one()") == 1


def test_the_bundle_knows_its_own_text(bundle):
    script = bundle(
        main_mjs='if (globalThis.again) console.log("again");\nelse { globalThis.again = 1; eval(bundled); }\n'
    )
    assert printed(script) == ["again"]


@pytest.mark.parametrize("line", ['import * as a from "./a.mjs";', "export default 1;", 'export { a } from "./a.mjs";'])
def test_a_line_it_does_not_know_is_an_error(bundle, line):
    with pytest.raises(ValueError, match=r"main\.mjs: the bundle knows no such line: (import|export)"):
        bundle(main_mjs=line + "\n", a_mjs="")
