// What is too wide for the page scrolls by itself; with a tab stop it can be scrolled by keyboard too.
"use strict";
(() => {
  // The theme does this for code, but before the page has its widths; so once more.
  const WIDE = ".bd-article :is(pre, .cell_output, .pst-scrollable-table-container, mjx-container[display])";
  const update = () => {
    for (const box of document.querySelectorAll(WIDE)) {
      if (box.scrollWidth > box.clientWidth) {
        box.tabIndex = 0;
      } else {
        box.removeAttribute("tabindex");
      }
    }
  };
  window.addEventListener("load", () => {
    update();
    document.fonts.ready.then(update);
    const sizes = new ResizeObserver(update);
    document.querySelectorAll(WIDE).forEach((box) => sizes.observe(box));
    window.MathJax?.startup.promise.then(update);
  });
  window.addEventListener("resize", update);
})();
