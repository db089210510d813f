// What all parts of the page need: elements, and changes that are asked for. Text is always text: nothing that the monitor tells becomes HTML.
export const byId = (id) => document.getElementById(id);

export const make = (tag, text = "", kind = "") =>
  Object.assign(document.createElement(tag), { textContent: text, className: kind });

// Asks for a change; an error says why it was refused.
export async function change(path, wish) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(wish),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

// A time as the reader's clock has it.
export const clock = (recorded) => new Date(recorded).toLocaleString();
