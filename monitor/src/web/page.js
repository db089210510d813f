"use strict";
const make = (tag, text, kind = "") => Object.assign(document.createElement(tag), { textContent: text, className: kind });
const byId = (id) => document.getElementById(id);
const filter = byId("filter");
let told = { cameras: [], events: [] };

const words = {
  starting: () => "being connected …",
  playing: (camera) => camera.reason ?? "",
  waiting: (camera) => `${camera.reason}. Tried again ${camera.retry_in > 0 ? `in ${camera.retry_in} s` : "now"}.`,
  ended: () => "The file has ended.",
  failed: (camera) => `${camera.reason}. It is not tried again.`,
};

function screen(camera) {
  const figure = make("figure", "");
  const frame = make("div", "", "screen");
  const film = Object.assign(new Image(), { alt: `The newest picture of ${camera.name}` });
  frame.append(film, make("p", ""));
  const caption = make("figcaption", "");
  caption.append(make("strong", camera.name), make("span", ""), make("small", camera.title));
  figure.append(frame, caption);
  figure.dataset.name = camera.name;
  return figure;
}

function showCameras() {
  const wall = byId("cameras");
  const names = told.cameras.map((camera) => camera.name).join();
  if (wall.dataset.names !== names) {
    wall.dataset.names = names;
    wall.replaceChildren(...told.cameras.map(screen));
  }
  told.cameras.forEach((camera, index) => {
    const figure = wall.children[index];
    const film = figure.querySelector("img");
    // A film that broke off is asked for again once its camera plays.
    if (camera.state === "playing" && film.dataset.state !== "playing") {
      film.src = `/stream/${camera.name}?${Date.now()}`;
    }
    film.dataset.state = camera.state;
    figure.querySelector("p").textContent = words[camera.state](camera);
    Object.assign(figure.querySelector("span"), { textContent: camera.state, className: camera.state });
  });
  const lost = told.cameras.filter((camera) => ["waiting", "failed"].includes(camera.state)).length;
  byId("state").className = lost > 0 ? "waiting" : "";
  byId("state").textContent = lost > 0 ? `${lost} of ${told.cameras.length} cameras give no pictures` : "";
}

function offer(select, values) {
  const known = [...select.options].map((option) => option.value);
  for (const value of values.filter((value, index) => !known.includes(value) && values.indexOf(value) === index)) {
    select.append(new Option(value, value));
  }
}

function item(event) {
  const entry = make("li", "");
  const worth = { true: ", checked", false: ", no better than chance" }[event.checked] ?? "";
  const why = event.answer ? `; explained: ${event.answer}${worth}` : "";
  const when = new Date(event.recorded).toLocaleTimeString();
  entry.append(make("strong", event.words), document.createElement("br"),
    make("small", `${event.camera}, ${when}, ${event.kind}${why}`));
  return entry;
}

function showEvents() {
  offer(filter.camera, told.cameras.map((camera) => camera.name));
  offer(filter.kind, told.events.map((event) => event.kind));
  const wanted = filter.words.value.toLowerCase();
  const shown = told.events.filter((event) =>
    (!filter.camera.value || event.camera === filter.camera.value)
    && (!filter.kind.value || event.kind === filter.kind.value)
    && (!wanted || `${event.words} ${event.label}`.toLowerCase().includes(wanted)));
  byId("none").hidden = shown.length > 0;
  byId("none").textContent = told.events.length > 0 ? "Nothing like that." : "Nothing so far.";
  byId("events").replaceChildren(...shown.map(item));
}

async function look() {
  try {
    const answer = await fetch("/events");
    if (answer.status === 401) {
      location.reload();
      return;
    }
    told = await answer.json();
    showCameras();
    showEvents();
  } catch {
    byId("state").className = "gone";
    byId("state").textContent = "The monitor does not answer.";
    document.querySelectorAll("img").forEach((film) => { film.dataset.state = "gone"; });
  }
}
filter.addEventListener("input", showEvents);
filter.addEventListener("submit", (event) => event.preventDefault());
look();
setInterval(look, 1000);
