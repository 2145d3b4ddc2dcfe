// The page: a store of the workspace as this person sees it, redrawn on every change.
import { keepBlocks } from "./blocks.js";
import { composer } from "./composer.js";
import { ask, dayOf, h, keep, timeOf } from "./dom.js";
import { confirmDialog, popUpMenu, renderModal } from "./dialogs.js";
import { drawMessages, fileCard, itemOf } from "./messages.js";
import { names } from "./mrkdwn.js";
import { drawSidebar } from "./sidebar.js";

const $ = (id) => document.getElementById(id);
export const store = {
  me: "", app: {}, users: new Map(), channels: new Map(), messages: new Map(), files: [], views: [], home: null,
  place: "", tab: "home", thread: null, highlighted: null, read: new Map(), newFrom: null, drafts: new Map(), fields: new Map(),
  errors: {}, failure: new Map(), menuOpen: false,
};

export const key = (message) => `${message.channel}/${message.ts}`;

// -- data -------------------------------------------------------------------------------------------------------------

async function load() {
  const wanted = new URLSearchParams(location.search).get("user") ?? localStorage.getItem("sandbox-user") ?? "";
  const data = await (await fetch(`/sandbox/state?user=${encodeURIComponent(wanted)}`)).json();
  Object.assign(store, {
    me: data.me, app: data.app, files: data.files, views: data.views, home: data.home,
    users: new Map(data.users.map((user) => [user.id, user])),
    channels: new Map(data.channels.map((channel) => [channel.id, channel])),
    messages: new Map(data.messages.map((message) => [key(message), message])),
  });
  Object.assign(names, {
    users: store.users, channels: store.channels, me: data.me, openLink,
    groups: new Map(data.groups.map((group) => [group.id, group])),
  });
  for (const id of store.channels.keys()) if (!store.read.has(id)) store.read.set(id, latestIn(id));
}

/** Receive changes. Changes from before the stream opened are in the state that is loaded at that time. */
function listen() {
  const stream = new EventSource(`/sandbox/stream?user=${encodeURIComponent(store.me)}`);
  let waitingChanges = null;
  stream.onopen = async () => {
    waitingChanges = [];
    await load();
    waitingChanges.forEach(take);
    waitingChanges = null;
    $("offline").hidden = true;
    draw();
  };
  stream.onerror = () => {
    $("offline").hidden = false;
  };
  stream.onmessage = (event) => {
    const change = JSON.parse(event.data);
    if (waitingChanges) waitingChanges.push(change);
    else take(change);
    draw();
  };
}

function take(change) {
  if (change.files) store.files = change.files;
  if (change.kind === "view") {
    if (store.views.at(-1)?.id !== change.views.at(-1)?.id) store.errors = {};
    store.views = change.views;
    store.home = change.home;
  } else if (change.kind === "channel") {
    store.channels.set(change.channel.id, change.channel);
  } else if (change.kind === "deleted") {
    store.messages.delete(key(change.message));
    if (store.thread?.ts === change.message.ts) store.thread = null;
  } else if (change.message) {
    store.messages.set(key(change.message), change.message);
    if (change.message.channel === store.place && document.hasFocus()) store.read.set(store.place, change.message.ts);
    if (change.message.author === store.me) store.newFrom = null;
  }
}

const sorted = (messages) => messages.sort((one, other) => Number(one.ts) - Number(other.ts));
const inChannel = (id) => sorted([...store.messages.values()].filter((m) => m.channel === id && (!m.thread_ts || m.broadcast)));
export const inThread = (id, ts) => sorted([...store.messages.values()].filter((m) => m.channel === id && m.thread_ts === ts));
const latestIn = (id) => inChannel(id).at(-1)?.ts ?? "0";

export function unreadIn(id) {
  const since = Number(store.read.get(id) ?? 0);
  return inChannel(id).filter((message) => Number(message.ts) > since && message.author !== store.me).length;
}

// -- navigation -------------------------------------------------------------------------------------------------------

export function go(place, { thread = null, tab = "home", highlighted = null } = {}) {
  if (place !== store.place) {
    store.newFrom = unreadIn(place) ? store.read.get(place) : null;
    delete $("main").dataset.drawn;
  }
  Object.assign(store, { place, tab, highlighted, thread: thread ? { channel: place, ts: thread } : null, menuOpen: false });
  store.read.set(place, latestIn(place));
  history.replaceState(null, "", `/${location.search}#${[place, thread].filter(Boolean).join("/")}`);
  if (place === "home" && tab === "home") ask("home", { user: store.me });
  draw();
}

export function openLink(url) {
  const found = new URL(url, location.href);
  if (found.origin !== location.origin || !found.pathname.startsWith("/archives/")) return false;
  goToArchive(found);
  return true;
}

function goToArchive(url) {
  const [, , channel, packed = ""] = url.pathname.split("/");
  const ts = packed.replace(/^p(\d+)(\d{6})$/, "$1.$2");
  const parent = url.searchParams.get("thread_ts");
  const hasReplies = inThread(channel, ts).length > 0;
  go(channel, { thread: parent ?? (hasReplies ? ts : null), highlighted: ts });
}

export function switchUser(id) {
  localStorage.setItem("sandbox-user", id);
  location.href = `/?user=${id}${location.hash}`;
}

// -- callbacks of elements ----------------------------------------------------------------------------------------------

const same = (where) => (where.view_id ? { view_id: where.view_id } : { channel: where.channel, ts: where.ts });
const placeKey = (where) => where.view_id ?? `${where.channel}/${where.ts}`;

export const page = {
  files: () => store.files,
  people: () => [...store.users.values()].filter((u) => !u.is_bot).map((u) => ({ value: u.id, text: { text: u.real_name } })),
  places: () => [...store.channels.values()].filter((c) => !c.im && !c.archived).map((c) => ({ value: c.id, text: { text: `#${c.name}` } })),
  confirm: confirmDialog,
  menu: popUpMenu,
  get errors() {
    return store.errors;
  },
  draft: (where, name) => store.drafts.get(`${placeKey(where)} ${name}`),
  setDraft: (where, name, value) => {
    store.drafts.set(`${placeKey(where)} ${name}`, value);
    const block = name.split("/")[0];
    if (store.errors[block]) {
      delete store.errors[block];
      draw();
    }
  },
  register: (where, name, read) => {
    if (!store.fields.has(placeKey(where))) store.fields.set(placeKey(where), new Map());
    store.fields.get(placeKey(where)).set(name, read);
  },
  values: (where) => Object.fromEntries([...(store.fields.get(placeKey(where)) ?? [])].map(([name, read]) => [name, read()])),
  press: async (where, block, element, given, node) => {
    node?.classList.add("busy");
    store.failure.delete(placeKey(where));
    const answer = await ask("press", {
      user: store.me, ...same(where), block_id: node?.closest("[data-block-id]")?.dataset.blockId ?? block.block_id, action_id: element.action_id, given,
      values: page.values(where),
    });
    node?.classList.remove("busy");
    if (!answer.ok) store.failure.set(placeKey(where), answer.error);
    draw();
  },
  lookUp: (where, block, element, typed) =>
    ask("options", { user: store.me, ...same(where), block_id: block.block_id, action_id: element.action_id, typed }),
  submit: async (view) => {
    const answer = await ask("submit", { user: store.me, view_id: view.id, values: page.values({ view_id: view.id }) });
    store.errors = answer.errors ?? {};
    if (!answer.ok && !Object.keys(store.errors).length) store.errors = { "": "The form could not be submitted. Try again." };
    draw();
  },
  close: (view, wholeStack) => ask("close", { user: store.me, view_id: view.id, whole_stack: wholeStack }),
};

// -- drawing ----------------------------------------------------------------------------------------------------------

let waiting = false;
export function draw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    drawSidebar($("sidebar"));
    document.body.classList.toggle("menu-open", store.menuOpen);
    $("shade").hidden = !store.menuOpen;
    document.body.classList.toggle("thread-open", store.thread !== null);
    drawMain();
    drawThread();
    renderModal($("overlays"));
    const unread = [...store.channels.keys()].reduce((sum, id) => sum + unreadIn(id), 0);
    document.title = `${unread ? `(${unread}) ` : ""}${titleOf(store.place)} · Sandbox`;
  });
}

function titleOf(place) {
  if (place === "home") return store.app.name;
  if (place === "files") return "Files";
  const channel = store.channels.get(place);
  return channel ? (channel.im ? store.app.name : `#${channel.name}`) : "";
}

/** Create the pane once for each place: the composer keeps its text and the list its scroll position. */
function drawMain() {
  const main = $("main");
  const frame = `${store.place} ${store.place === "home" ? store.tab : ""} ${store.channels.get(store.place)?.archived ?? ""}`;
  if (main.dataset.drawn !== frame) {
    main.dataset.drawn = frame;
    main.replaceChildren(...frameOf(store.place));
  }
  if (store.place === "files") main.querySelector(".scroll").replaceChildren(...fileList());
  else if (store.place === "home" && store.tab === "home") drawHome(main.querySelector(".scroll"));
  else drawMessages(main.querySelector(".scroll"), channelItems());
}

function channelOfPlace() {
  return store.place === "home" ? [...store.channels.values()].find((channel) => channel.im === store.me)?.id : store.place;
}

function frameOf(place) {
  const menu = h("button", { class: "icon menu", type: "button", "aria-label": "Channels", onclick: () => {
    store.menuOpen = true;
    draw();
  } }, "☰");
  const scroll = h("div", { class: "scroll", role: place === "files" ? "list" : "log" });
  if (place === "files") return [h("header", {}, menu, h("h1", {}, "Files")), scroll];
  if (place === "home") {
    const tab = (id, label) => h("button", { type: "button", class: `tab${store.tab === id ? " on" : ""}`, "data-tab": id, onclick: () => go("home", { tab: id }) }, label);
    const bottom = store.tab === "messages" && channelOfPlace() ? writeBox(channelOfPlace()) : null;
    return [
      h("header", { class: "tabbed" }, menu, h("img", { class: "avatar small", src: "/page/icon.svg", alt: "" }), h("h1", {}, store.app.name), h("div", { class: "tabs" }, tab("home", "Home"), tab("messages", "Messages"))),
      scroll,
      bottom,
    ].filter(Boolean);
  }
  const channel = store.channels.get(place);
  const members = `${channel.members.length}`;
  return [
    h("header", {}, menu, h("h1", {}, `${channel.im ? "" : channel.private ? "🔒 " : "# "}${titleOf(place).replace(/^#/, "")}`), h("span", { class: "topic" }, channel.topic), h("span", { class: "members", title: "Members" }, `👤 ${members}`)),
    scroll,
    channel.archived ? h("div", { class: "archived" }, `You are viewing #${channel.name}, an archived channel.`) : writeBox(place),
  ];
}

function writeBox(channel) {
  return composer({
    label: `Message ${titleOf(channel)}`,
    store,
    send: (text) => ask("say", { user: store.me, channel, text }),
  });
}

function channelItems() {
  const items = [];
  let before = null;
  for (const message of inChannel(channelOfPlace())) {
    const day = dayOf(message.ts);
    if (!before || dayOf(before.ts) !== day) items.push({ key: `day ${day}`, draw: () => h("div", { class: "day" }, h("span", {}, day)) });
    if (store.newFrom && (!before || Number(before.ts) <= Number(store.newFrom)) && Number(message.ts) > Number(store.newFrom)) {
      items.push({ key: "new", draw: () => h("div", { class: "new" }, h("span", {}, "New")) });
      before = null;
    }
    items.push(itemOf(message, before, false));
    before = message;
  }
  return items;
}

function fileList() {
  if (!store.files.length) return [h("div", { class: "empty" }, "No files have been shared yet.")];
  return [...store.files].reverse().map((file) =>
    h("div", { class: "file-row", role: "listitem" }, fileCard(file), h("span", { class: "hint" }, `${store.users.get(file.user)?.name ?? ""} · ${dayOf(file.created)} ${timeOf(file.created)} · ${file.channels.map((id) => `#${store.channels.get(id)?.name}`).join(" ")}`)),
  );
}

function drawHome(scroll) {
  const view = store.home;
  const failure = view && store.failure.get(view.id);
  const notice = failure && { key: "failure", shows: failure, draw: () => h("div", { class: "failure", role: "alert" }, `⚠ This action failed (${failure}). Try again.`) };
  keep(scroll, [
    view
      ? { key: `home ${view.id}`, shows: {}, draw: () => h("div", { class: "home" }), update: (node) => keepBlocks(node, view.blocks, { view_id: view.id }, page, notice) }
      : { key: "empty", draw: () => h("div", { class: "empty" }, "This app has not published a home view.") },
  ]);
}

function drawThread() {
  const pane = $("thread");
  pane.hidden = !store.thread;
  if (!store.thread) {
    delete pane.dataset.drawn;
    pane.replaceChildren();
    return;
  }
  const { channel, ts } = store.thread;
  if (pane.dataset.drawn !== `${channel}/${ts}`) {
    pane.dataset.drawn = `${channel}/${ts}`;
    const close = () => go(store.place, { tab: store.tab });
    pane.replaceChildren(
      h("header", {}, h("button", { type: "button", class: "icon back", "aria-label": "Back", onclick: close }, "‹"), h("h1", {}, "Thread"), h("span", { class: "topic" }, titleOf(channel)), h("button", { type: "button", class: "icon close", "aria-label": "Close thread", onclick: close }, "×")),
      h("div", { class: "scroll", role: "log" }),
      h("div", { class: "prompts" }),
      composer({ label: "Reply…", store, send: (text) => ask("say", { user: store.me, channel, thread_ts: ts, text }) }),
    );
  }
  const parent = store.messages.get(`${channel}/${ts}`);
  const replies = inThread(channel, ts);
  const items = parent ? [itemOf(parent, null, true)] : [];
  const counted = replies.filter((reply) => !reply.only_for).length;
  if (counted) items.push({ key: "count", shows: counted, draw: () => h("div", { class: "count" }, h("span", {}, `${counted} ${counted === 1 ? "reply" : "replies"}`)) });
  replies.forEach((reply, index) => items.push(itemOf(reply, index ? replies[index - 1] : null, true)));
  drawMessages(pane.querySelector(".scroll"), items);
  const prompts = store.channels.get(channel)?.prompts?.[ts] ?? [];
  const send = (text) => ask("say", { user: store.me, channel, thread_ts: ts, text });
  keep(pane.querySelector(".prompts"), prompts.map((each) => ({ key: each.title, shows: each.message, draw: () => h("button", { type: "button", onclick: () => send(each.message) }, each.title) })));
}

// -- start ------------------------------------------------------------------------------------------------------------

await load();
$("shade").addEventListener("click", () => {
  store.menuOpen = false;
  draw();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (store.views.length) page.close(store.views.at(-1), true);
  else if (store.thread) go(store.place, { tab: store.tab });
});
window.addEventListener("focus", () => {
  store.read.set(store.place, latestIn(store.place));
  draw();
});
if (location.pathname.startsWith("/archives/")) goToArchive(new URL(location.href));
else {
  const [place, thread] = location.hash.slice(1).split("/");
  const known = store.channels.has(place) || place === "home" || place === "files";
  go(known ? place : [...store.channels.keys()].find((id) => store.channels.get(id).members.includes(store.me)), { thread });
}
listen();
