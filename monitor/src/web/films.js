// The pictures of all cameras over one connection: a browser opens six to one computer, so that a film each would leave none for the rest of the page.

// After the connection has broken off.
const PAUSE = 1000;
const END_OF_HEAD = [13, 10, 13, 10];

// Bytes that came and are not read yet.
class Pile {
  constructor() {
    this.bytes = new Uint8Array(1 << 16);
    this.length = 0;
  }

  add(more) {
    const needed = this.length + more.length;
    if (needed > this.bytes.length) {
      const larger = new Uint8Array(2 * needed);
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    this.bytes.set(more, this.length);
    this.length = needed;
  }

  // Where the head of the first part ends; -1 where it is not there yet.
  endOfHead() {
    for (let at = 0; at + 4 <= this.length; at += 1) {
      if (END_OF_HEAD.every((byte, index) => this.bytes[at + index] === byte)) return at;
    }
    return -1;
  }

  // The first part, a copy, once all of it is there.
  take() {
    const end = this.endOfHead();
    if (end < 0) return null;
    const head = new TextDecoder().decode(this.bytes.subarray(0, end));
    const field = (name) => new RegExp(`^${name}: *(.*)$`, "im").exec(head)?.[1].trim() ?? "";
    const begin = end + END_OF_HEAD.length;
    const length = Number(field("content-length"));
    if (!(length > 0)) throw new Error("a part without a picture");
    // The part's own line ends with two bytes more.
    const next = begin + length + 2;
    if (this.length < next) return null;
    const jpeg = this.bytes.slice(begin, begin + length);
    this.bytes.copyWithin(0, next, this.length);
    this.length -= next;
    return { camera: field("content-location").split("/").at(-1), jpeg };
  }
}

async function read(show) {
  const answer = await fetch("/streams");
  if (!answer.ok) return;
  const reader = answer.body.getReader();
  const pile = new Pile();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    pile.add(value);
    // What takes long to draw is waited for: the monitor then leaves pictures out, and none piles up here.
    for (let part = pile.take(); part; part = pile.take()) await show(part.camera, part.jpeg);
  }
}

// Shows pictures for as long as the page is open: `show` gets a camera's name and a JPEG.
export async function follow(show) {
  for (;;) {
    try {
      await read(show);
    } catch {
      // That the monitor does not answer is said by the page.
    }
    await new Promise((go) => { setTimeout(go, PAUSE); });
  }
}
