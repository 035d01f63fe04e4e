(() => {
  const box = document.getElementById("index-steps");
  const steps = [...box.querySelectorAll("li")];
  const [back, next] = box.querySelectorAll("button");
  let at = 0;
  const show = (step) => {
    at = Math.max(0, Math.min(step, steps.length - 1));
    steps.forEach((item, number) => item.classList.toggle("off", number !== at));
    box.querySelector("output").value = `step ${at + 1} of ${steps.length}`;
    back.ariaDisabled = at === 0; // not `disabled`, which would take the keyboard's focus away
    next.ariaDisabled = at === steps.length - 1;
  };
  back.addEventListener("click", () => show(at - 1));
  next.addEventListener("click", () => show(at + 1));
  box.querySelector(".step-buttons").hidden = false;
  show(0);
})();
