// Plots of what the model looks at: a line for each camera and class, minute by minute.
import { byId, make } from "./parts.js";

const WIDTH = 240;
const HEIGHT = 48;
// Of cameras and classes that were explained most often.
const MOST = 24;
// Minutes: what is shown at least, and the gap from which on a line breaks off.
const LEAST = 10;
const GAP = 5;

const svg = (tag, attributes) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};

const percent = (share) => `${Math.round(100 * share)}%`;

function lines(minutes, index, kind) {
  const span = Math.max(LEAST, minutes[0][0]);
  const parts = [];
  let last = Infinity;
  for (const minute of minutes) {
    const x = WIDTH * (1 - minute[0] / span);
    const y = HEIGHT * (1 - minute[index]);
    if (last - minute[0] > GAP) parts.push([]);
    parts.at(-1).push([x, y]);
    last = minute[0];
  }
  // A minute alone is a short line, too.
  return parts.map((part) => {
    const points = part.length > 1 ? part : [[part[0][0] - 3, part[0][1]], part[0]];
    return svg("polyline", { class: kind, points: points.map((point) => point.map((at) => at.toFixed(1)).join()).join(" ") });
  });
}

function plot({ camera, class: label, minutes, in_box: inBox, positive, explained }) {
  const [, boxNow, positiveNow] = minutes.at(-1);
  const figure = make("figure");
  const since = Math.max(1, minutes[0][0]);
  const words = `${label} at ${camera}: ${percent(boxNow)} in the box and ${percent(positiveNow)} for the class now, `
    + `${percent(inBox)} and ${percent(positive)} in the mean of ${since} min, ${explained} explanations`;
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": words });
  picture.append(svg("line", { x1: 0, x2: WIDTH, y1: HEIGHT / 2, y2: HEIGHT / 2 }));
  picture.append(...lines(minutes, 2, "positive"), ...lines(minutes, 1, "in-box"));
  const caption = make("figcaption");
  caption.append(make("strong", label), " ", make("small", `${camera}, ${since} min`));
  const now = make("p", "", "now");
  now.append(make("b", percent(boxNow)), ` in the box (mean ${percent(inBox)}), `, make("span", percent(positiveNow), "second"),
    ` for the class (mean ${percent(positive)})`);
  figure.append(caption, picture, now);
  return figure;
}

export function showDrift({ series }) {
  const most = [...series].sort((a, b) => b.explained - a.explained).slice(0, MOST);
  byId("no-drift").hidden = most.length > 0;
  byId("drift").replaceChildren(...most.map(plot));
}
