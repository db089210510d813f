"use strict";
const byId = (id) => document.getElementById(id);
const cards = [...document.querySelectorAll("article.card")];

function filter() {
  const label = byId("class").value;
  const kind = byId("kind").value;
  // There only beside annotations.
  const verdict = byId("verdict")?.value;
  // There only where a map failed its check.
  const check = byId("check")?.value;
  // There only where events come from several streams.
  const stream = byId("stream")?.value;
  // There only where somebody said something of an event.
  const mark = byId("mark")?.value;
  let shown = 0;
  for (const card of cards) {
    const classes = JSON.parse(card.dataset.classes);
    const kinds = card.dataset.kinds.split(" ").filter(Boolean);
    const fits = (!label || classes.includes(label))
      && (!verdict || card.dataset.verdict.split(", ").includes(verdict))
      && (!check || card.dataset.check === check)
      && (!stream || card.dataset.stream === stream)
      && (!mark || (card.dataset.mark || "none") === mark)
      && (!kind || (kind === "*" ? kinds.length > 0 : kinds.includes(kind)));
    card.hidden = !fits;
    shown += fits;
  }
  byId("shown").textContent = `${shown} of ${cards.length} shown`;
}

// In the middle both are whole; towards the ends the other one fades.
function blend() {
  const share = byId("blend").value / 100;
  document.documentElement.style.setProperty("--heat", Math.min(1, 2 * share));
  document.documentElement.style.setProperty("--photo", Math.min(1, 2 - 2 * share));
}

document.addEventListener("click", (event) => {
  const view = event.target.closest(".view:not(.plain):not(.fixed)");
  if (view) view.parentElement.classList.toggle("large");
});
byId("class").addEventListener("change", filter);
byId("kind").addEventListener("change", filter);
byId("verdict")?.addEventListener("change", filter);
byId("check")?.addEventListener("change", filter);
byId("stream")?.addEventListener("change", filter);
byId("mark")?.addEventListener("change", filter);
byId("blend").addEventListener("input", blend);
byId("tools").addEventListener("submit", (event) => event.preventDefault());
byId("tools").hidden = false;
filter();
blend();
