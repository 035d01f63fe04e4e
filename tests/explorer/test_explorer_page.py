"""The explorer's page in a browser: that it answers, by keyboard, on a phone, and from its address."""

import re

import pytest
from explorer_page import answers, move, setting, wait_for_answer
from playwright.sync_api import expect

pytestmark = pytest.mark.long


def figure(page, label):
    tile = page.locator(".x-tile", has=page.get_by_text(label, exact=True))
    return tile.locator(".x-value").text_content()


def tiles(page):
    return page.locator(".x-tile").all_text_contents()


@pytest.mark.parametrize("slider", ["Queue depth", "Random seed"], ids=["another machine", "another layer"])
@pytest.mark.parametrize("query", ["", "?layer=VGG-6&nPe=256"], ids=["Alex-7, 64 PEs", "VGG-6, 256 PEs"])
def test_a_slider_is_answered_once(open_page, query, slider):
    page = open_page(query)
    wait_for_answer(page, 0)
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        shown, number = tiles(page), len(answers(page))
        move(page, slider, key)
        assert tiles(page) != shown
        assert len(answers(page)) == number + 1


def test_papers_values_stand_beside_ours_only_where_the_paper_has_the_setting(open_page):
    page = open_page()
    wait_for_answer(page, 0)
    assert page.locator(".x-tile .x-paper").count() == 6
    move(page, "Clock", "ArrowRight")
    assert page.locator(".x-tile .x-paper").count() == 3  # load balance, padding and area do not depend on the clock
    move(page, "Inputs", "ArrowRight")
    assert page.locator(".x-tile .x-paper").count() == 1  # the area does not depend on the layer
    expect(setting(page).get_by_label("Layer", exact=True)).to_have_value("own")


def test_keys_move_sliders_and_the_address_follows(open_page, address):
    page = open_page()
    wait_for_answer(page, 0)
    before = figure(page, "Time")
    move(page, "Processing elements", "ArrowRight")
    assert figure(page, "Time") != before
    page.wait_for_url(f"{address}?nPe=128")
    page.get_by_role("button", name="Reset").click()
    page.wait_for_url(address)


def test_the_address_restores_a_setting(open_page):
    page = open_page("?layer=own&nIn=777&nOut=300&nPe=24&indexBits=5&pes=6&at=11")
    wait_for_answer(page, 0)
    assert setting(page).get_by_label("Inputs, exact number").input_value() == "777"
    assert setting(page).get_by_label("Processing elements, exact number").input_value() == "24"
    expect(page.get_by_text("entries in a read: 7; bits unused: 1")).to_be_visible()
    expect(page.locator(".x-sentence")).to_contain_text("Cycle 11")
    assert page.locator(".x-pe").count() == 6


def test_links_set_what_they_say(open_page):
    page = open_page()
    wait_for_answer(page, 0)
    links = page.locator("a.x-try")
    for n in range(links.count()):
        before, shown = len(answers(page)), figure(page, "Time")
        links.nth(n).click()
        wait_for_answer(page, before)
        assert figure(page, "Time") != shown
        page.wait_for_url(re.compile(re.escape(links.nth(n).get_attribute("href")) + "$"))


def test_a_box_takes_any_number_of_the_range_and_nothing_else(open_page):
    page = open_page()
    wait_for_answer(page, 0)
    box = setting(page).get_by_label("Processing elements, exact number")
    box.fill("48")
    box.press("Enter")
    wait_for_answer(page, 1)
    said = box.locator("xpath=../..").get_by_role("alert")
    for text, kept in (("", "48"), ("100000", "512")):
        box.fill(text)
        box.press("Enter")
        expect(box).to_have_value(kept)
        expect(box).to_be_focused()
    expect(said).to_have_text("100000 is not valid (1 to 512). 512 is used.")
    box.fill("64")
    expect(said).to_be_empty()


def test_old_numbers_are_dimmed_in_the_task_of_the_input_and_a_sign_shows_within_50_ms(open_page):
    page = open_page()
    wait_for_answer(page, 0)
    expect(page.locator(".x-hero")).to_have_attribute("aria-busy", "false")
    # A worker cannot answer before this script has returned to the browser.
    found = page.evaluate("""() => {
        const track = document.getElementById("x-nPe");
        track.stepUp();
        track.dispatchEvent(new Event("input"));
        const delay = (part) => {
            const style = getComputedStyle(document.querySelector(part));
            return [style.transitionDelay, style.transitionDuration];
        };
        const parts = [".x-hero .x-value", ".x-results .x-figure", ".x-results .x-rows", ".x-stack", ".x-busy"];
        const busy = [...document.querySelectorAll("[aria-busy]")].map((part) => part.ariaBusy);
        return [busy, document.querySelector(".x-busy").textContent, ...parts.slice(1).map(delay)];
    }""")
    assert found[:2] == [["true", "true"], "Computing"]
    for delay, duration in found[2:]:
        assert float(delay.removesuffix("s")) + float(duration.removesuffix("s")) <= 0.05


def test_a_long_run_shows_how_far_it_is_and_a_new_input_ends_it(open_page):
    page = open_page("?layer=own&nIn=32768&nOut=16384&weightDensity=0.9")
    expect(page.locator(".x-busy")).to_be_visible()
    expect(page.locator(".x-busy")).to_contain_text(re.compile("Computing: [1-9]"))
    assert float(page.locator(".x-time .x-figure").evaluate("(part) => getComputedStyle(part).opacity")) < 0.5
    assert answers(page) == []
    move(page, "Outputs", "Home")
    assert len(answers(page)) == 1
    expect(page.locator(".x-busy")).to_be_hidden()
    with_few = tiles(page)
    page.wait_for_url(re.compile("nOut=16&"))
    page.reload()
    wait_for_answer(page, 0)
    assert tiles(page) == with_few


def test_a_failed_computation_is_said_and_its_numbers_stay_dimmed(browser, address):
    page = browser.new_page()
    page.add_init_script("""Worker.prototype.postMessage = function () {
        setTimeout(() => this.onerror({ message: "out of memory" }), 100);
    };""")
    page.goto(address)
    expect(page.locator(".x-warning")).to_contain_text("The computation failed: out of memory")
    expect(page.locator(".x-busy")).to_contain_text("No answer")
    expect(page.locator(".x-hero")).to_have_attribute("aria-busy", "true")
    page.close()


def test_what_is_not_valid_in_the_address_is_said_until_the_next_input(open_page):
    page = open_page("?nPe=99999&npe=3&layer=Alex&depth=1&at=4000")
    wait_for_answer(page, 0)
    said = page.locator(".x-warning p").all_text_contents()
    for text, start in zip(
        said,
        (
            "layer=Alex is not valid (Layer: one of Alex-6,",
            "nPe=99999 is not valid (Processing elements: 1 to 512). 512 is used.",
            "depth=1 is not valid (Queue depth: 2 to 8). 2 is used.",
            "at=4000 is not valid (Cycle of this run: 0 to ",
            "npe is not a setting. The settings are layer, nIn,",
        ),
        strict=True,
    ):
        assert text.startswith(start)
    assert setting(page).get_by_label("Processing elements, exact number").input_value() == "512"
    move(page, "Processing elements", "ArrowLeft")
    expect(page.locator(".x-warning")).to_be_hidden()


def test_a_clock_above_what_the_memories_allow_is_marked(open_page):
    page = open_page()
    wait_for_answer(page, 0)
    marks = page.locator(".x-beyond:not(:empty)")
    expect(marks).to_have_count(0)
    setting(page).get_by_label("Clock, exact number").fill("1000")
    wait_for_answer(page, 1)
    expect(marks).to_have_text(["a clock too fast for the memories", re.compile("^the memories allow up to 856 MHz")])


def test_without_pruning_the_dense_platforms_stay_to_compare_with(open_page):
    page = open_page("?layer=Alex-7&weightDensity=1")
    wait_for_answer(page, 0)
    names = page.locator(".x-row .x-name").all_text_contents()
    assert sorted(names) == ["CPU, dense", "EIE, here", "GPU, dense", "mGPU, dense"]
    assert float(figure(page, "Speed-up over CPU")) > 1
    expect(page.get_by_text("Weights kept: Table III has 9\u202f%")).to_be_visible()
    page.get_by_role("button", name="Reset").click()
    wait_for_answer(page, 1)
    assert page.locator(".x-row .x-name").count() == 8


def test_opened_as_a_file_it_answers_too(open_page, explorer_folder):
    page = open_page("?layer=VGG-6", as_file=True)
    wait_for_answer(page, 0)
    shown = tiles(page)
    move(page, "Queue depth", "ArrowRight")
    assert tiles(page) != shown
    page.wait_for_url(re.compile(r"^file:.*\?layer=VGG-6&fifoDepth=12$"))
    page.get_by_role("button", name="Next", exact=True).click()
    expect(page.locator(".x-sentence")).to_contain_text("Cycle 21")


def test_the_small_machine_steps_plays_and_pauses(open_page):
    page = open_page("?at=5&speed=20", reduced_motion="reduce")
    sentence = page.locator(".x-sentence")
    expect(sentence).to_contain_text("Cycle 5")
    page.wait_for_timeout(500)
    expect(sentence).to_contain_text("Cycle 5")  # it never plays by itself
    for button, cycle in (("Start", 0), ("Next", 1), ("Next", 2), ("Back", 1), ("Start", 0)):
        page.get_by_role("button", name=button, exact=True).click()
        expect(sentence).to_contain_text(f"Cycle {cycle}")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.wait_for_function("parseInt(document.querySelector('.x-sentence').textContent.slice(6)) > 3")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("slider", name="Cycle", exact=True).press("End")
    expect(sentence).to_contain_text("pipeline")


def test_the_small_machine_first_shows_a_full_queue_and_starving_pes(open_page):
    page = open_page()
    expect(page.locator(".x-sentence")).to_contain_text("waits: the queue of PE")
    assert page.locator(".x-pe[data-state=starved]").count() > 1


def test_a_phone_shows_all_of_it_without_scrolling_sideways(open_page):
    page = open_page("?pes=16&depth=8", viewport={"width": 390, "height": 844})
    wait_for_answer(page, 0)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_scripts_the_page_says_where_the_numbers_are(open_page):
    page = open_page(java_script_enabled=False)
    expect(page.locator("#eie-explorer")).to_contain_text("Table IV")
