// The wall: a figure for each camera with its film, the objects in it, and why the network says so.
import { byId, make, change } from "./parts.js";

// How far an arrow moves the pointer, in shares of the picture.
const STEP = 0.04;

const words = {
  starting: () => "being connected …",
  playing: () => "",
  waiting: (camera) => `${camera.reason}. Next try ${camera.retry_in > 0 ? `in ${camera.retry_in} s` : "now"}.`,
  ended: () => "The file has ended.",
  failed: (camera) => `${camera.reason}. It is not tried again.`,
};

async function point(figure, wish) {
  const note = figure.querySelector(".note");
  try {
    await change(`/stream/${figure.dataset.name}/point`, wish);
    note.textContent = "";
    document.dispatchEvent(new Event("look"));
  } catch (error) {
    note.textContent = error.message;
  }
}

const asksWhyNot = (event) => event.shiftKey || event.ctrlKey || byId("why-not").checked;

function place(figure, cross) {
  const [x, y] = figure.cross ?? [0.5, 0.5];
  figure.cross = [x, y];
  cross.hidden = false;
  cross.style.left = `${100 * x}%`;
  cross.style.top = `${100 * y}%`;
}

function move(figure, key) {
  const [x, y] = figure.cross ?? [0.5, 0.5];
  const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[key];
  const inside = (share) => Math.min(1, Math.max(0, share));
  figure.cross = [inside(x + by[0]), inside(y + by[1])];
}

function listen(figure, frame, film, cross) {
  frame.addEventListener("click", (event) => {
    // Enter on an object's button is a click, too, and has no place.
    const button = event.target.closest(".object");
    if (button) {
      point(figure, { object: Number(button.dataset.object) });
      return;
    }
    const picture = film.getBoundingClientRect();
    const at = [(event.clientX - picture.left) / picture.width, (event.clientY - picture.top) / picture.height];
    point(figure, asksWhyNot(event) ? { missing: at } : { place: at });
  });
  frame.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      point(figure, { release: {} });
    } else if (event.target === frame && event.key.startsWith("Arrow")) {
      event.preventDefault();
      move(figure, event.key);
      place(figure, cross);
    } else if (event.target === frame && event.key === "Enter") {
      const at = figure.cross ?? [0.5, 0.5];
      point(figure, asksWhyNot(event) ? { missing: at } : { place: at });
    }
  });
  frame.addEventListener("focus", () => { if (frame.matches(":focus-visible")) place(figure, cross); });
  frame.addEventListener("blur", () => { cross.hidden = true; });
}

function screen(camera) {
  const figure = make("figure");
  figure.dataset.name = camera.name;
  const frame = make("div", "", "screen");
  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", `Camera ${camera.name}`);
  frame.setAttribute("aria-describedby", "hint");
  const film = make("canvas");
  film.setAttribute("role", "img");
  film.setAttribute("aria-label", `The newest picture of ${camera.name}`);
  const cross = make("i", "", "cross");
  cross.hidden = true;
  frame.append(film, make("div", "", "objects"), cross, make("p", "", "reason"));
  const caption = make("figcaption");
  const large = make("button", "Large", "large");
  large.type = "button";
  large.setAttribute("aria-pressed", "false");
  large.setAttribute("aria-label", `${camera.name} large`);
  large.addEventListener("click", () => {
    const isLarge = figure.classList.toggle("large");
    large.setAttribute("aria-pressed", String(isLarge));
  });
  caption.append(make("strong", camera.name), make("span", "", "state"), make("small", camera.title), large);
  const answer = make("p", "", "answer");
  answer.setAttribute("role", "status");
  figure.append(frame, caption, answer, make("p", "", "note"));
  listen(figure, frame, film, cross);
  return figure;
}

// A button for each object, so that a keyboard reaches it; a mouse goes through to the picture.
function showObjects(holder, { objects, picked }) {
  const known = new Map([...holder.children].map((button) => [button.dataset.object, button]));
  for (const { object, label, score, box } of objects) {
    const key = String(object);
    let button = known.get(key);
    known.delete(key);
    if (!button) {
      button = make("button", "", "object");
      button.type = "button";
      button.dataset.object = key;
      holder.append(button);
    }
    button.setAttribute("aria-label", `${label} ${score.toFixed(2)}`);
    button.setAttribute("aria-pressed", String(object === picked));
    const [left, top, right, lower] = box.map((share) => 100 * share);
    Object.assign(button.style, { left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${lower - top}%` });
  }
  // Who is gone for a moment keeps the keyboard's place.
  for (const button of known.values()) if (button !== document.activeElement) button.remove();
}

function showAnswer(place, { answer, picked, missing }) {
  const isAsked = picked !== null || missing !== null;
  const check = answer?.check ? `; ${answer.check}` : "";
  const text = isAsked && answer && (answer.object === picked || missing !== null) ? `${answer.words}${check}` : "";
  const shown = text || (isAsked ? "being explained …" : "");
  if (place.textContent !== shown) place.textContent = shown;
}

// Shows what is told of the cameras; how many of them give no pictures.
export function showCameras(cameras) {
  const wall = byId("cameras");
  const names = cameras.map((camera) => camera.name).join();
  if (wall.dataset.names !== names) {
    wall.dataset.names = names;
    wall.replaceChildren(...cameras.map(screen));
  }
  cameras.forEach((camera, index) => {
    const figure = wall.children[index];
    figure.querySelector(".reason").textContent = words[camera.state](camera);
    Object.assign(figure.querySelector(".state"), { textContent: camera.state, className: `state ${camera.state}` });
    const isPlaying = camera.state === "playing";
    showObjects(figure.querySelector(".objects"), isPlaying ? camera.sight : { objects: [], picked: null });
    showAnswer(figure.querySelector(".answer"), isPlaying ? camera.sight : { answer: null, picked: null, missing: null });
  });
  return cameras.filter((camera) => ["waiting", "failed"].includes(camera.state)).length;
}

// Shows a camera's newest picture.
export async function showPicture(camera, jpeg) {
  const film = document.querySelector(`figure[data-name="${CSS.escape(camera)}"] canvas`);
  if (!film) return;
  const picture = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
  if (film.width !== picture.width || film.height !== picture.height) {
    Object.assign(film, { width: picture.width, height: picture.height });
  }
  film.getContext("bitmaprenderer").transferFromImageBitmap(picture);
}
