// Messages: how one looks, and how a list of them is kept without redrawing what has not changed.
import { renderBlocks } from "./blocks.js";
import { dayOf, h, sizeOf, timeOf } from "./dom.js";
import { emojiNode, mrkdwn } from "./mrkdwn.js";
import { go, inThread, key, openLink, page, store } from "./page.js";

const COMPACT_SECONDS = 300;

export function itemOf(message, before, threaded) {
  const compact = before && before.author === message.author && !message.only_for === !before.only_for && Number(message.ts) - Number(before.ts) < COMPACT_SECONDS && !inThread(message.channel, before.ts).length;
  const replies = threaded ? [] : inThread(message.channel, message.ts).filter((reply) => !reply.only_for);
  const trouble = store.trouble.get(key(message));
  const id = JSON.stringify([message, compact, replies.length, replies.at(-1)?.ts, trouble, store.highlighted === message.ts, threaded, message.files.length && store.files.length]);
  return { id, ts: message.ts, draw: () => messageNode(message, { compact, replies, trouble, threaded }) };
}

/** Puts the items into the list and keeps every node that has not changed. */
export function drawMessages(scroll, items) {
  const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60 || !scroll.childElementCount;
  const known = new Map([...scroll.children].map((node) => [node.itemId, node]));
  const nodes = items.map((item) => {
    const node = known.get(item.id) ?? item.draw();
    node.itemId = item.id;
    return node;
  });
  const focused = document.activeElement?.dataset?.actionId;
  nodes.forEach((node, index) => {
    if (scroll.children[index] !== node) scroll.insertBefore(node, scroll.children[index] ?? null);
  });
  while (scroll.childElementCount > nodes.length) scroll.lastElementChild.remove();
  if (focused && document.activeElement === document.body) scroll.querySelector(`[data-action-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  if (!nodes.length) scroll.append(Object.assign(h("div", { class: "empty" }, "Nothing has been said here yet."), { itemId: "empty" }));
  const marked = store.highlighted && scroll.querySelector(`[data-ts="${store.highlighted}"]`);
  if (marked && !marked.seen) {
    marked.seen = true;
    marked.scrollIntoView({ block: "center" });
  } else if (atEnd) scroll.scrollTop = scroll.scrollHeight;
}

function messageNode(message, { compact, replies, trouble, threaded }) {
  const user = store.users.get(message.author) ?? { name: "?", real_name: "?" };
  const where = { channel: message.channel, ts: message.ts };
  const edited = message.edited && h("span", { class: "edited" }, " (edited)");
  const body = message.blocks.length ? [...renderBlocks(message.blocks, where, page), edited] : [h("div", { class: "text" }, ...mrkdwn(message.text), edited)];
  const classes = ["message", compact && "compact", message.only_for && "private", store.highlighted === message.ts && "marked"].filter(Boolean).join(" ");
  const stamp = h("a", { class: "time", href: `/archives/${message.channel}/p${message.ts.replace(".", "")}${message.thread_ts ? `?thread_ts=${message.thread_ts}` : ""}`, title: new Date(Number(message.ts) * 1000).toLocaleString(), onclick: (event) => {
    event.preventDefault();
    openLink(event.currentTarget.href);
  } }, timeOf(message.ts));
  return h(
    "article",
    { class: classes, "data-ts": message.ts, "data-author": message.author },
    h("div", { class: "gutter" }, compact ? stamp : avatarOf(user)),
    h(
      "div",
      { class: "content" },
      message.only_for && h("div", { class: "only-you" }, "👁 Only visible to you"),
      message.broadcast && !threaded && h("div", { class: "only-you" }, "replied to a thread"),
      !compact && h("div", { class: "by" }, h("b", {}, user.is_bot ? user.name : user.real_name), user.is_bot && h("span", { class: "badge" }, "APP"), stamp),
      (message.text || message.blocks.length > 0) && h("div", { class: "body" }, ...body),
      message.files.map((id) => fileCard(store.files.find((file) => file.id === id))),
      message.reactions.length > 0 && h("div", { class: "reactions" }, message.reactions.map((r) => h("span", { class: "reaction" }, emojiNode(r.name) ?? `:${r.name}:`, ` ${r.count}`))),
      trouble && h("div", { class: "trouble", role: "alert" }, `⚠ This did not work (${trouble}). Try again.`),
      replies.length > 0 && repliesBar(message, replies),
    ),
    !threaded && !message.only_for && h("div", { class: "toolbar" }, h("button", { type: "button", class: "icon", title: "Reply in thread", "aria-label": "Reply in thread", onclick: () => go(store.place, { thread: message.ts, tab: store.tab }) }, "💬")),
  );
}

export function avatarOf(user) {
  if (user.id === store.app.user) return h("img", { class: "avatar", src: "/page/icon.svg", alt: "" });
  return h("span", { class: `avatar tint-${(user.id ?? "").charCodeAt(2) % 6}`, "aria-hidden": "true" }, (user.real_name ?? "?")[0]);
}

function repliesBar(message, replies) {
  const people = [...new Set(replies.map((reply) => reply.author))].slice(0, 4);
  const last = replies.at(-1);
  const day = dayOf(last.ts);
  return h(
    "button",
    { type: "button", class: "replies", onclick: () => go(store.place, { thread: message.ts, tab: store.tab }) },
    people.map((id) => avatarOf(store.users.get(id) ?? {})),
    h("b", {}, `${replies.length} ${replies.length === 1 ? "reply" : "replies"}`),
    h("span", { class: "last" }, `Last reply ${day === "Today" ? "today" : day} at ${timeOf(last.ts)}`),
  );
}

export function fileCard(file) {
  if (!file) return h("div", { class: "file" }, "This file is gone.");
  if (file.mimetype.startsWith("image/")) {
    return h("figure", { class: "file-image" }, h("figcaption", {}, file.title), h("a", { href: file.url_private, target: "_blank", rel: "noopener" }, h("img", { src: file.url_private, alt: file.alt_txt || file.title })));
  }
  return h(
    "a",
    { class: "file", href: file.url_private, target: "_blank", rel: "noopener" },
    h("span", { class: "file-kind" }, file.filetype.slice(0, 4)),
    h("span", { class: "file-name" }, h("b", {}, file.title), h("span", {}, `${file.name} · ${sizeOf(file.size)}`)),
  );
}
