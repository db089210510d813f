// The page: what the monitor tells once a second in, the wall, the list and the plots out.
import { byId } from "./parts.js";
import { follow } from "./films.js";
import { showCameras, showPicture } from "./wall.js";
import { showEvents, asked } from "./list.js";
import { showDrift } from "./drift.js";

const ROUND = 1000;
// Whoever goes from object to object by keyboard has to see where they are.
const QUICK_ROUND = 300;
const DRIFT_ROUND = 20000;

// What is said of a broker or server that nothing gets through to.
function complaint({ name, reason, queued, lost }) {
  const waits = queued === 1 ? "1 message waits" : `${queued} messages wait`;
  return `${name}: ${reason}; ${waits}${lost > 0 ? `, ${lost} lost` : ""}`;
}

// What is said of a camera whose evidence cannot be written.
function unkept({ name, evidence: { reason, lost } }) {
  return `${name}: ${reason}; ${lost === 1 ? "1 event has" : `${lost} events have`} no evidence`;
}

async function look() {
  const state = byId("state");
  try {
    const answer = await fetch(`/events?${asked()}`);
    if (answer.status === 401) {
      location.reload();
      return;
    }
    if (!answer.ok) throw new Error(answer.statusText);
    const told = await answer.json();
    document.body.classList.remove("stale");
    const lost = showCameras(told.cameras);
    showEvents(told);
    const complaints = told.outlets.map(complaint);
    complaints.push(...told.cameras.filter((camera) => camera.evidence).map(unkept));
    if (lost > 0) complaints.unshift(`${lost} of ${told.cameras.length} cameras give no pictures`);
    state.className = complaints.length > 0 ? "waiting" : "";
    state.textContent = complaints.join(". ");
  } catch {
    // The pictures are those of before.
    document.body.classList.add("stale");
    state.className = "gone";
    state.textContent = "The monitor does not answer.";
  }
}

let timer = 0;
async function round() {
  clearTimeout(timer);
  await look();
  clearTimeout(timer);
  timer = setTimeout(round, document.activeElement?.closest(".screen") ? QUICK_ROUND : ROUND);
}

async function roundOfDrift() {
  try {
    const answer = await fetch("/drift");
    if (answer.ok) showDrift(await answer.json());
  } catch {
    // That the monitor does not answer is said already.
  }
  setTimeout(roundOfDrift, DRIFT_ROUND);
}

document.addEventListener("look", round);
round();
roundOfDrift();
follow(showPicture);
