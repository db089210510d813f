// An event's page: blends picture and heatmap, shows what the check was fed, and keeps what somebody says of the event.
import { byId, change, clock } from "./parts.js";

const event = document.querySelector("main.case");
const buttons = [...document.querySelectorAll("#marks button")];

for (const time of document.querySelectorAll("time")) time.textContent = clock(time.dateTime);

// In the middle both are whole; towards the ends the other one fades.
function blend() {
  const share = byId("blend").value / 100;
  byId("heat").style.opacity = Math.min(1, 2 * share);
  byId("frame").style.opacity = Math.min(1, 2 - 2 * share);
}

function showMark() {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.mark === event.dataset.mark));
}

// Says it, or takes it back where it was said already.
async function say(mark) {
  const wanted = event.dataset.mark === mark ? null : mark;
  try {
    await change(`/event/${event.dataset.id}/mark`, { mark: wanted });
    event.dataset.mark = wanted ?? "";
    byId("said").textContent = wanted ? "Kept for the report." : "Taken back.";
  } catch (error) {
    byId("said").textContent = error.message;
  }
  showMark();
}

function showWhatIf() {
  const button = byId("what-if");
  const isShown = button.getAttribute("aria-pressed") === "false";
  button.setAttribute("aria-pressed", String(isShown));
  byId("fed").hidden = !isShown;
  byId("heat")?.toggleAttribute("hidden", isShown);
  byId("what-if-words").hidden = !isShown;
}

byId("blend")?.addEventListener("input", blend);
byId("what-if")?.addEventListener("click", showWhatIf);
byId("frame")?.addEventListener("error", () => {
  byId("lost").hidden = false;
  byId("layers").hidden = true;
});
if (byId("frame")?.complete && byId("frame").naturalWidth === 0) byId("frame").dispatchEvent(new Event("error"));
for (const button of buttons) button.addEventListener("click", () => say(button.dataset.mark));
document.addEventListener("keydown", (pressed) => {
  if (pressed.target.closest("input") || pressed.ctrlKey || pressed.altKey || pressed.metaKey) return;
  const follow = { ArrowLeft: "earlier", ArrowRight: "later" }[pressed.key];
  const mark = { w: "worth", n: "not" }[pressed.key.toLowerCase()];
  if (follow) byId(follow)?.click();
  else if (mark && buttons.length > 0) say(mark);
});
showMark();
