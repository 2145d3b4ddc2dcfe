// Messages, and lists of messages whose unchanged entries are not redrawn.
import { keepBlocks } from "./blocks.js";
import { dayOf, h, keep, sizeOf, timeOf } from "./dom.js";
import { emojiNode, mrkdwn } from "./mrkdwn.js";
import { go, inThread, key, openLink, page, store } from "./page.js";

const COMPACT_SECONDS = 300;

export function itemOf(message, before, threaded) {
  const compact = before && before.author === message.author && !message.only_for === !before.only_for && Number(message.ts) - Number(before.ts) < COMPACT_SECONDS && !inThread(message.channel, before.ts).length;
  const replies = threaded ? [] : inThread(message.channel, message.ts).filter((reply) => !reply.only_for);
  const failure = store.failure.get(key(message));
  const shows = JSON.stringify([message, compact, replies.length, replies.at(-1)?.ts, failure, store.highlighted === message.ts, threaded, message.files.length && store.files.length]);
  const update = (node) => updateMessage(node, message, { compact, replies, failure, threaded });
  return { key: message.ts, shows, draw: () => h("article", { "data-ts": message.ts, "data-author": message.author }), update };
}

/** Put the items into the list and keep every unchanged node. */
export function drawMessages(scroll, items) {
  const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60 || !scroll.childElementCount;
  const empty = { key: "empty", draw: () => h("div", { class: "empty" }, "No messages yet.") };
  const focused = document.activeElement?.dataset?.actionId;
  keep(scroll, items.length ? items : [empty]);
  if (focused && document.activeElement === document.body) scroll.querySelector(`[data-action-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  const marked = store.highlighted && scroll.querySelector(`[data-ts="${store.highlighted}"]`);
  if (marked && !marked.seen) {
    marked.seen = true;
    marked.scrollIntoView({ block: "center" });
  } else if (atEnd) scroll.scrollTop = scroll.scrollHeight;
}

function updateMessage(node, message, { compact, replies, failure, threaded }) {
  const user = store.users.get(message.author) ?? { name: "?", real_name: "?" };
  if (store.highlighted !== message.ts) node.seen = false;
  node.className = ["message", compact && "compact", message.only_for && "private", store.highlighted === message.ts && "marked"].filter(Boolean).join(" ");
  keep(node, [
    { key: "gutter", shows: Boolean(compact), draw: () => h("div", { class: "gutter" }, compact ? stampOf(message) : avatarOf(user)) },
    { key: "content", shows: {}, draw: () => h("div", { class: "content" }), update: (content) => keep(content, contentOf(message, user, { compact, replies, failure, threaded })) },
    !threaded && !message.only_for && { key: "toolbar", draw: () => h("div", { class: "toolbar" }, h("button", { type: "button", class: "icon", title: "Reply in thread", "aria-label": "Reply in thread", onclick: () => go(store.place, { thread: message.ts, tab: store.tab }) }, "💬")) },
  ]);
}

function contentOf(message, user, { compact, replies, failure, threaded }) {
  return [
    message.only_for && { key: "only you", draw: () => h("div", { class: "only-you" }, "👁 Only visible to you") },
    message.broadcast && !threaded && { key: "broadcast", draw: () => h("div", { class: "only-you" }, "replied to a thread") },
    !compact && { key: "by", draw: () => h("div", { class: "by" }, h("b", {}, user.is_bot ? user.name : user.real_name), user.is_bot && h("span", { class: "badge" }, "APP"), stampOf(message)) },
    (message.text || message.blocks.length > 0) && { key: "body", shows: {}, draw: () => h("div", { class: "body" }), update: (body) => keepBody(body, message) },
    message.attachments.length > 0 && { key: "attachments", shows: JSON.stringify(message.attachments), draw: () => h("div", {}, message.attachments.map(attachmentNode)) },
    ...message.files.map((id) => store.files.find((file) => file.id === id) ?? { id }).map((file) => ({ key: file.id, shows: JSON.stringify(file), draw: () => fileCard(file.url_private && file) })),
    message.reactions.length > 0 && { key: "reactions", shows: JSON.stringify(message.reactions), draw: () => h("div", { class: "reactions" }, message.reactions.map((r) => h("span", { class: "reaction" }, emojiNode(r.name) ?? `:${r.name}:`, ` ${r.count}`))) },
    failure && { key: "failure", shows: failure, draw: () => h("div", { class: "failure", role: "alert" }, `⚠ This action failed (${failure}). Try again.`) },
    replies.length > 0 && { key: "replies", draw: () => h("button", { type: "button", class: "replies", onclick: () => go(store.place, { thread: message.ts, tab: store.tab }) }), shows: {}, update: (bar) => bar.replaceChildren(...repliesOf(replies)) },
  ];
}

/** A secondary attachment, as older apps post them. */
function attachmentNode({ title, text, fields = [] }) {
  const lines = [title && h("b", {}, title), text && h("div", {}, ...mrkdwn(text)), ...fields.map((field) => h("div", {}, h("b", {}, field.title), h("div", { class: "lines" }, field.value.split("\n").flatMap((line, index) => (index ? [h("br"), line] : [line])))))];
  return h("div", { class: "attachment" }, lines.filter(Boolean));
}

function keepBody(body, message) {
  const edited = message.edited && { key: "edited", draw: () => h("span", { class: "edited" }, " (edited)") };
  if (message.blocks.length) keepBlocks(body, message.blocks, { channel: message.channel, ts: message.ts }, page, edited);
  else keep(body, [{ key: "text", shows: JSON.stringify([message.text, message.edited]), draw: () => h("div", { class: "text" }, ...mrkdwn(message.text), message.edited && h("span", { class: "edited" }, " (edited)")) }]);
}

function stampOf(message) {
  return h("a", { class: "time", href: `/archives/${message.channel}/p${message.ts.replace(".", "")}${message.thread_ts ? `?thread_ts=${message.thread_ts}` : ""}`, title: new Date(Number(message.ts) * 1000).toLocaleString(), onclick: (event) => {
    event.preventDefault();
    openLink(event.currentTarget.href);
  } }, timeOf(message.ts));
}

export function avatarOf(user) {
  if (user.id === store.app.user) return h("img", { class: "avatar", src: "/page/icon.svg", alt: "" });
  return h("span", { class: `avatar tint-${(user.id ?? "").charCodeAt(2) % 6}`, "aria-hidden": "true" }, (user.real_name ?? "?")[0]);
}

function repliesOf(replies) {
  const people = [...new Set(replies.map((reply) => reply.author))].slice(0, 4);
  const last = replies.at(-1);
  const day = dayOf(last.ts);
  return [
    ...people.map((id) => avatarOf(store.users.get(id) ?? {})),
    h("b", {}, `${replies.length} ${replies.length === 1 ? "reply" : "replies"}`),
    h("span", { class: "last" }, `Last reply ${day === "Today" ? "today" : day} at ${timeOf(last.ts)}`),
  ];
}

export function fileCard(file) {
  if (!file) return h("div", { class: "file" }, "This file was deleted.");
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
