"""Whatever system, network or method is named in the book, its notebooks or the published data has an entry."""

import json
import re
from pathlib import Path

import pytest
from pybtex.database import parse_file

ROOT = Path(__file__).resolve().parent.parent
ENTRIES = parse_file(str(ROOT / "book" / "references.bib")).entries
SYSTEMS = {
    "A-Eye": "qiu2016going",
    "AWQ": "lin2024awq",
    "Adam": "kingma2015adam",
    "AlexNet": "krizhevsky2012imagenet",
    "BLEU": "papineni2002bleu",
    "CBinfer": "cavigelli2017cbinfer",
    "CACTI": "balasubramonian2017cacti",
    "Caffe": "jia2014caffe",
    "Cambricon": "liu2016cambricon",
    "Cambricon-X": "zhang2016cambriconx",
    "DDPM": "ho2020denoising",
    "DLMC": "gale2019state",
    "DaDianNao": "chen2014dadiannao",
    "Deep Compression": "han2016deep",
    "ESE": "han2017ese",
    "Eyeriss": "chen2017eyeriss",
    "Foolbox": "rauber2017foolbox",
    "GOBO": "zadeh2020gobo",
    "GPTQ": "frantar2023gptq",
    "Huffman": "huffman1952method",
    "ImageNet": "russakovsky2015imagenet",
    "LLaMA": "touvron2023llama",
    "LeNet": "lecun1998gradient",
    "MNIST": "lecun1998gradient",
    "Marian": "junczys2018marian",
    "MinkowskiEngine": "choy2019minkowski",
    "NeuralTalk": "karpathy2015deep",
    "OPT": "zhang2022opt",
    "PyTorch": "paszke2019pytorch",
    "ResNet": "he2016deep",
    "SCNN": "parashar2017scnn",
    "SIGE": "li2022sige",
    "SpAtten": "wang2021spatten",
    "SpConv": "yan2018second",
    "Sputnik": "gale2020sparse",
    "SqueezeNet": "iandola2016squeezenet",
    "Stable Diffusion": "rombach2022high",
    "TorchSparse": "tang2022torchsparse",
    "TrueNorth": "esser2016convolutional",
    "VGG-16": "simonyan2015very",
    "Winograd": "lavin2016fast",
    "Yosys": "shah2019yosys",
    "chrF": "popovic2015chrf",
    "cuDNN": "chetlur2014cudnn",
    "llama.cpp": "llamacpp",
    "nextpnr": "shah2019yosys",
    "oneDNN": "onednn",
    "onnxruntime": "onnxruntime",
    "transformer": "vaswani2017attention",
}
"""Names, and the entry of each."""

NO_SYSTEMS = {
    "ActRW",
    "ArithmUnit",
    "GitHub",
    "JupyterLab",
    "LeNets",
    "McPAT",
    "NanGate",
    "NumPy",
    "PtrRead",
    "PyPI",
    "ReLU",
    "ReLUs",
    "SciPy",
    "SpmatRead",
    "SystemVerilog",
    "mGPU",
}
"""Words with a capital inside that need no entry: linked tools, a language, modules, and words of the glossary."""

INNER_CAPITAL = re.compile(r"\b[A-Z]*[a-z]+[A-Z]\w*|\b[A-Z]-[A-Z][a-z]+")
UNITS = re.compile(r"[kMGTnpmuµ](?:B|J|W|Hz|A)|(?:mm|ms)\w*")
NOT_PROSE = re.compile(r"```.*?```|`[^`]*`|\]\([^)]*\)|\$[^$]*\$|<[^>]*>|https?://\S+|\{\w+:?\w*\}|arXiv", re.DOTALL)


def prose():
    """The text of each page, without code, formulas and links."""
    texts = {path: path.read_text(encoding="utf-8") for path in [*(ROOT / "book").glob("*.md"), ROOT / "README.md"]}
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts[path] = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return {path: NOT_PROSE.sub(" ", text) for path, text in texts.items()}


def platforms():
    """The accelerators of Table V but for the paper's own."""
    lines = (ROOT / "data" / "published" / "table5.csv").read_text(encoding="utf-8").splitlines()
    return {line.split(",")[0] for line in lines if re.search(r",type,=,(ASIC|FPGA),", line)}


@pytest.mark.parametrize("name", SYSTEMS)
def test_system_has_an_entry(name):
    assert SYSTEMS[name] in ENTRIES


def test_a_name_in_prose_has_an_entry():
    found = {
        f"{path.name}: {name}"
        for path, text in prose().items()
        for name in INNER_CAPITAL.findall(text)
        if name not in NO_SYSTEMS and name not in SYSTEMS and not UNITS.fullmatch(name)
    }
    assert found == set()


def test_accelerators_of_table_5_have_entries():
    others = {name for name in platforms() if not name.startswith("EIE")}
    assert others == {"A-Eye", "DaDianNao", "TrueNorth"}
    assert others <= SYSTEMS.keys()


@pytest.mark.parametrize("key", ENTRIES)
def test_entry_leads_to_its_source(key):
    fields = ENTRIES[key].fields
    assert {"doi", "eprint", "url"} & set(fields)
    assert re.fullmatch(r"\d{4}\.\d{4,5}", fields.get("eprint", "0000.00000"))
    assert re.fullmatch(r"10\.\d{4,5}/\S+", fields.get("doi", "10.0000/x"))
    assert re.fullmatch(r"\d{4}", fields["year"])
