"""What the explorer shows in a browser, against the library: every stop of every slider, and every layer."""

import json
import math
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from explorer_page import node

import eie
from eie import chip
from eie.explore.benchmarks import nine_layers
from eie.layer import CompressedLayer
from eie.networks.memory_fit import memory_fit

pytestmark = pytest.mark.long

HERE = Path(__file__).resolve().parent
MOST_WEIGHTS = 200_000
SEEDS = 20
PREFIXES = {"": 1, "m": 1e-3, "µ": 1e-6, "n": 1e-9, "p": 1e-12}
LAYER = ("nIn", "nOut", "weightDensity", "actDensity", "seed")

SET = """(places) => { for (const [key, place] of Object.entries(places)) {
    const track = document.getElementById(`x-${key}`);
    track.value = Number(track.min) + place * track.step;
    track.dispatchEvent(new Event("input"));
} }"""
BOXES = """() => Object.fromEntries(
    [...document.querySelectorAll(".x-controls .x-control:has([type=range])")].map((one) => [
        one.querySelector("[type=range]").id.slice(2), Number(one.querySelector("[type=number]").value)]))"""
TILES = """() => Object.fromEntries([...document.querySelectorAll(".x-tile")].map((tile) =>
    [".x-label", ".x-value", ".x-figure .x-unit", ".x-note"].map((part) => tile.querySelector(part).textContent))
    .map(([label, ...rest]) => [label, rest]))"""
ANSWERED = "document.querySelector('.x-hero').getAttribute('aria-busy') === 'false'"
STOPS = """
import { readFileSync } from "node:fs";
import { controls } from "./setting.mjs";
const all = ({ min, max, step }) => Array.from({ length: (max - min) / step + 1 }, (_, n) => min + n * step);
const specs = Object.entries(controls(JSON.parse(readFileSync("facts.json", "utf8"))));
console.log(JSON.stringify(Object.fromEntries(specs.map(([key, spec]) => [key, spec.stops ?? spec.of ?? all(spec)]))));
"""


@pytest.fixture(scope="module")
def stops(tool):
    """The values at which each slider rests; of the many seeds some."""
    command = [node(), "--input-type=module", "--eval", STOPS]
    folder = tool("explorer_data").FACTS.parent
    found = json.loads(subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout)
    return found | {"seed": found["seed"][:SEEDS]}


def covering(stops, rng):
    """States of all sliders in which each slider comes to all of its stops, and no layer is too large for a test."""
    orders = {key: rng.permutation(len(values)) for key, values in stops.items()}
    for n in range(max(map(len, orders.values()))):
        places = {key: int(order[n % len(order)]) for key, order in orders.items()}
        while math.prod(stops[key][places[key]] for key in LAYER[:3]) > MOST_WEIGHTS:
            places[rng.choice([key for key in LAYER[:3] if places[key]])] -= 1
        yield places


def read(page):
    """The setting in the boxes, densities as fractions, and the tiles, once they are not dimmed."""
    page.wait_for_function(ANSWERED)
    setting = page.evaluate(BOXES)
    fractions = {key: round(setting[key] / 100, 3) for key in ("weightDensity", "actDensity")}
    return setting | fractions, page.evaluate(TILES)


def draw(states, folder):
    """The layers and inputs of settings, as the explorer draws them."""
    settings = json.dumps([setting for setting, _ in states])
    subprocess.run([node(), str(HERE / "drawn.mjs"), str(folder)], input=settings, text=True, check=True)
    for n, (setting, _) in enumerate(states):
        counts, active = (np.fromfile(folder / f"{n}.{name}", np.int32) for name in ("counts", "active"))
        rows = np.fromfile(folder / f"{n}.rows", np.uint16)
        indptr = np.concatenate([[0], np.cumsum(counts)])
        bias = np.zeros(setting["nOut"], np.uint8)
        bias[rows[indptr[-2] :]] = 1
        kept = indptr[-2]
        layer = CompressedLayer(
            setting["nOut"], setting["nIn"], indptr[:-1], rows[:kept], np.ones(kept, np.uint8), np.arange(16), bias
        )
        activations = np.zeros(setting["nIn"])
        activations[active] = 1
        yield layer, activations


def agree(shown, exact):
    """Whether a number of three significant digits is that of the library."""
    return abs(shown - exact) <= 0.5000001 * 10 ** (math.floor(math.log10(exact)) - 2)


def number(text):
    return float(text.replace("\u202f", ""))


def si(digits, unit):
    """A number with its prefix, in the unit itself."""
    return number(digits) * PREFIXES[unit[:-1]]


def check(setting, tiles, layer, activations):
    machine = eie.Machine(
        n_pe=setting["nPe"],
        fifo_depth=setting["fifoDepth"],
        spmat_width_bits=setting["spmatWidthBits"],
        index_bits=setting["indexBits"],
        clock_hz=setting["clockMhz"] * 1e6,
    )
    mem = eie.encode(layer, machine)
    report = eie.simulate(mem, activations, machine)
    joules = eie.energy(report, machine)
    (time, balance, padding, energy, area) = (
        tiles[name] for name in ("Time", "Load balance", "Padding zeros", "Energy", "Area")
    )
    assert number(re.search(r"([\d\u202f]+) cycles", time[2])[1]) == report.cycles
    assert agree(si(*time[:2]), report.seconds)
    assert ("too fast for the memories" in time[2]) == (machine.clock_hz > chip.memory_clock_hz(machine))
    assert agree(si(*energy[:2]), joules.total)
    assert agree(si(*re.search(r"([\d.\u202f]+)\u202f(\w?W) on average", energy[2]).groups()), joules.watts)
    assert agree(number(area[0]), chip.area(machine))
    assert abs(number(balance[0]) - 100 * report.load_balance) < 0.0500001
    assert abs(number(padding[0]) - 100 * report.padding / max(report.entries, 1)) < 0.0500001
    fit = memory_fit(mem, machine)
    if fit.chips > 1:
        assert number(re.search(r"of ([\d\u202f]+) such chips", area[2])[1]) == fit.chips
    else:
        assert abs(number(re.search(r"fills ([\d.]+)", area[2])[1]) - 100 * fit.filled()["spmat"]) < 0.0500001


def test_every_stop_of_every_slider(open_page, stops, tmp_path):
    page = open_page("?layer=own&nIn=16&nOut=16")
    states, seen = [], {key: set() for key in stops}
    for places in covering(stops, np.random.default_rng(0)):
        page.evaluate(SET, places)
        states.append(read(page))
        for key, value in states[-1][0].items():
            seen[key].add(value)
    assert seen == {key: set(values) for key, values in stops.items()}
    for state, drawn in zip(states, draw(states, tmp_path), strict=True):
        check(*state, *drawn)


def test_every_layer_of_table_3(open_page, tmp_path):
    page = open_page()
    states = []
    for layer in nine_layers():
        page.get_by_label("Layer", exact=True).select_option(layer.name)
        states.append(read(page))
        assert states[-1][0]["nIn"] == layer.n_in
    for state, drawn in zip(states, draw(states, tmp_path), strict=True):
        check(*state, *drawn)
