document.querySelectorAll(".waves-box").forEach((box) => {
  const { left, cycle } = box.dataset;
  const rows = Object.entries(JSON.parse(box.dataset.rows));
  const [cursor, slider] = [box.querySelector(".cursor"), box.querySelector("input")];
  const show = () => {
    const at = Number(slider.value);
    const x = Number(left) + (at + 0.5) * Number(cycle);
    cursor.removeAttribute("hidden");
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    const words = rows.map(([name, values]) => `${name} ${values[at] ?? "unknown"}`);
    box.querySelector("output").value = words.join(", ");
  };
  if (box.dataset.ready) return;
  box.dataset.ready = "yes";
  slider.addEventListener("input", show);
  box.querySelector(".waves-cursor").hidden = false;
  show();
});
