// The page's elements. Text becomes text nodes only, so a message cannot inject markup.

/** An element: properties (`on…` handlers, `class`, `data-…`, `aria-…`), then children: nodes, strings, or nothing. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "selected") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * Make these items the children of an element. The node of an unchanged item is kept, with its focus and under the pointer.
 * An item has a unique `key`, `shows` (the content that its node depends on), `draw`, and optionally `update`, which changes its node in place.
 */
export function keep(parent, items) {
  const known = new Map([...parent.childNodes].map((node) => [node.key, node]));
  const nodes = items.filter(Boolean).map(({ key, shows, draw, update }) => {
    let node = known.get(key);
    if (!node || (node.shows !== shows && !update)) node = draw();
    if (update && node.shows !== shows) update(node);
    return Object.assign(node, { key, shows });
  });
  const kept = new Set(nodes);
  for (const node of [...parent.childNodes]) if (!kept.has(node)) node.remove();
  nodes.forEach((node, index) => {
    if (parent.childNodes[index] !== node) parent.insertBefore(node, parent.childNodes[index] ?? null);
  });
}

/** Send an action to the sandbox as the user of the page. */
export async function ask(action, body) {
  const response = await fetch(`/sandbox/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return response.json();
}

export function timeOf(ts) {
  return new Date(Number(ts) * 1000).toLocaleTimeString(undefined, { hour: "numeric", minute: "2-digit" });
}

export function dayOf(ts) {
  const day = new Date(Number(ts) * 1000);
  const today = new Date();
  const yesterday = new Date(today.getTime() - 86400000);
  if (day.toDateString() === today.toDateString()) return "Today";
  if (day.toDateString() === yesterday.toDateString()) return "Yesterday";
  return day.toLocaleDateString(undefined, { weekday: "long", month: "long", day: "numeric" });
}

export function sizeOf(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} kB` : `${(bytes / 1048576).toFixed(1)} MB`;
}

/** The address, if it is safe to open in a browser. */
export function safeUrl(url) {
  return /^(https?:|mailto:)/i.test(url) ? url : null;
}
