// Paper is white: print in light colours whatever the reader's theme is, then put the theme back.
"use strict";
(() => {
  const page = document.documentElement.dataset;
  let theme = page.theme;
  window.addEventListener("beforeprint", () => {
    theme = page.theme;
    page.theme = "light";
  });
  window.addEventListener("afterprint", () => {
    page.theme = theme;
  });
})();
