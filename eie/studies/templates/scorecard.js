(() => {
  const form = document.getElementById("claims-filter");
  const rows = [...document.querySelectorAll("#claims-table tbody tr")];
  const [verdict, text] = form.querySelectorAll("select, input");
  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of rows) {
      const all = row.textContent.toLowerCase();
      row.hidden = (verdict.value && row.className !== verdict.value) || !words.every((word) => all.includes(word));
    }
    form.querySelector("output").value = `${rows.filter((row) => !row.hidden).length} of ${rows.length} shown`;
  };
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
})();
