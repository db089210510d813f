// The list of events: filters in the address and the form, and what the monitor finds of them in parts.
import { byId, make, clock } from "./parts.js";

const MOST = 50;
const filter = byId("filter");
const fields = [...filter.elements].filter((field) => field.name);
let before = "";

// A moment of the form in UTC; the end of its minute where it is one's last.
function moment(text, isLast) {
  const time = new Date(text).getTime();
  return Number.isNaN(time) ? "" : `${new Date(time + (isLast ? 59000 : 0)).toISOString().slice(0, 19)}Z`;
}

// The filters as the server reads them.
function filters() {
  const query = new URLSearchParams();
  for (const { name, value } of fields) {
    const wanted = ["from", "to"].includes(name) ? moment(value, name === "to") : value.trim();
    if (wanted) query.set(name, wanted);
  }
  return query;
}

// What the list asks for.
export function asked() {
  const query = filters();
  query.set("limit", MOST);
  if (before) query.set("before", before);
  return query;
}

function offer(select, values) {
  const known = [...select.options].map((option) => option.value);
  for (const value of values.filter((value) => !known.includes(value))) select.append(new Option(value, value));
}

const marks = { worth: "worth a look", not: "not worth a look" };

function item(event) {
  const entry = make("li");
  entry.dataset.key = JSON.stringify(event);
  const link = make("a", event.words);
  link.href = `/event/${event.id}?${filters()}`;
  const worth = { true: ", checked", false: ", no better than chance" }[event.checked] ?? "";
  const why = event.answer ? `; explained: ${event.answer}${worth}` : "";
  entry.append(link, make("br"), make("small", `${event.camera}, ${clock(event.recorded)}, ${event.kind}${why}`));
  if (event.mark) entry.append(" ", make("span", marks[event.mark], `mark ${event.mark}`));
  return entry;
}

// Entries that are as they were stay in their places, so that they keep the keyboard's.
function reconcile(list, events) {
  const known = new Map([...list.children].map((entry) => [entry.dataset.key, entry]));
  const wanted = events.map((event) => known.get(JSON.stringify(event)) ?? item(event));
  for (const entry of known.values()) if (!wanted.includes(entry)) entry.remove();
  let place = list.firstChild;
  for (const entry of wanted) {
    if (entry === place) place = place.nextSibling;
    else list.insertBefore(entry, place);
  }
}

export function showEvents({ cameras, events, found, older, newest, classes, kinds }) {
  // The event that the list began behind is forgotten, or it began at none.
  if (newest) before = "";
  offer(filter.elements.camera, cameras.map((camera) => camera.name));
  offer(filter.elements.class, classes);
  offer(filter.elements.kind, kinds);
  const isFiltered = filters().size > 0;
  const none = isFiltered ? "Nothing like that." : "Nothing so far.";
  const text = found === 0 ? none : `${found} event${found === 1 ? "" : "s"}${isFiltered ? " like that" : ""}`;
  if (byId("found").textContent !== text) byId("found").textContent = text;
  reconcile(byId("events"), events);
  byId("newest").hidden = before === "";
  byId("older").hidden = !older;
  byId("older").dataset.last = events.at(-1)?.id ?? "";
}

function ask(from) {
  before = from;
  document.dispatchEvent(new Event("look"));
}

// What a link to an event, or from one, says of the filters.
function restore() {
  const query = new URLSearchParams(location.search);
  for (const field of fields) {
    const value = query.get(field.name) ?? "";
    if (field.type === "datetime-local") {
      const time = new Date(value);
      const local = new Date(time.getTime() - 60000 * time.getTimezoneOffset());
      field.value = Number.isNaN(time.getTime()) ? "" : local.toISOString().slice(0, 16);
    } else {
      if (field.tagName === "SELECT" && value) offer(field, [value]);
      field.value = value;
    }
    // What is asked for is to be seen.
    if (value && byId("more").contains(field)) byId("more").open = true;
  }
}

function changed() {
  const query = filters();
  history.replaceState(null, "", query.size > 0 ? `/?${query}` : "/");
  // Links keep what is asked for.
  byId("events").replaceChildren();
  ask("");
}

filter.addEventListener("input", changed);
filter.addEventListener("submit", (event) => event.preventDefault());
// The fields are emptied after the event.
filter.addEventListener("reset", () => setTimeout(changed));
byId("older").addEventListener("click", () => ask(byId("older").dataset.last));
byId("newest").addEventListener("click", () => ask(""));
restore();
