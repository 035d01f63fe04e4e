"""The explorer's page in a browser: that it answers, by keyboard, on a phone, and from its address."""

import re

import pytest
from explorer_page import answers, move, setting, wait_for_answer
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


def figure(page, label):
    tile = page.locator(".x-tile", has=page.get_by_text(label, exact=True))
    return tile.locator(".x-value").text_content()


def tiles(page):
    return page.locator(".x-tile").all_text_contents()


@pytest.mark.parametrize("slider", ["Queue depth", "Seed of the draw"], ids=["another machine", "another layer"])
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
    assert page.locator(".x-tile .x-paper").count() == 7
    move(page, "Clock", "ArrowRight")
    assert page.locator(".x-tile .x-paper").count() == 2  # load balance and padding do not depend on the clock
    move(page, "Inputs", "ArrowRight")
    assert page.locator(".x-tile .x-paper").count() == 0
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
    for text, kept in (("", "48"), ("100000", "512")):
        box.fill(text)
        box.press("Enter")
        expect(box).to_have_value(kept)
        expect(box).to_be_focused()


def test_a_layer_too_large_for_the_page_is_refused_in_words(open_page):
    page = open_page()
    wait_for_answer(page, 0)
    move(page, "Weights kept", "ArrowRight")
    setting(page).get_by_label("Weights kept", exact=True).press("End")
    expect(page.get_by_role("alert")).to_contain_text("keep 16\u202f777\u202f216 weights")
    setting(page).get_by_label("Weights kept", exact=True).press("Home")
    expect(page.get_by_role("alert")).to_be_hidden()


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
